/*
 * The grammars that field values share.  Pure; used by rproxy's workers for
 * each byte of each head, so the checks are tables and words.
 * RFC 9110 sections 5.5 and 5.6.
 */
#include <stdint.h>
#include <string.h>

#include "rproxy/http/field_values.h"

/* RFC 9110 section 5.6.2, by character code; all above 127 are 0 */
/* clang-format off */
static const bool tchar[256] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
/*	   !  "  #  $  %  &  '  (  )  *  +  ,  -  .  /	*/
	0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 1, 0,
/*	0  1  2  3  4  5  6  7  8  9  :  ;  <  =  >  ?	*/
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0,
/*	@  A  B  C  D  E  F  G  H  I  J  K  L  M  N  O	*/
	0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
/*	P  Q  R  S  T  U  V  W  X  Y  Z  [  \  ]  ^  _	*/
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1,
/*	`  a  b  c  d  e  f  g  h  i  j  k  l  m  n  o	*/
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
/*	p  q  r  s  t  u  v  w  x  y  z  {  |  }  ~	*/
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 0,
};
/* clang-format on */

bool
is_tchar(char c)
{
	return tchar[(unsigned char)c];
}

size_t
token_len(struct slice s)
{
	size_t n = 0;

	while (n < s.len && tchar[(unsigned char)s.p[n]])
		n++;
	return n;
}

bool
is_token(struct slice s)
{
	return s.len > 0 && token_len(s) == s.len;
}

bool
is_field_char(char c)
{
	unsigned char u = (unsigned char)c;

	return (u >= 0x20 && u != 0x7f) || u == '\t';
}

/*
 * Whether one of eight bytes is below 0x20 or is 0x7f: the subtraction
 * borrows into the top bit of such a byte, and of no other where that bit
 * was clear before (a borrow may go on into the byte above a hit: there is a
 * hit then anyway).
 */
static bool
has_control(const char *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t x, del;

	memcpy(&x, p, sizeof(x));
	del = x ^ (ones * 0x7f);
	return (((x - ones * 0x20) & ~x) | ((del - ones) & ~del)) &
	       (ones * 0x80);
}

bool
is_field_value(struct slice s)
{
	size_t i = 0;

	for (; s.len - i >= 8; i += 8) {
		if (!has_control(s.p + i))
			continue;
		/* HTAB is a control that is allowed */
		for (size_t j = i; j < i + 8; j++)
			if (!is_field_char(s.p[j]))
				return false;
	}
	for (; i < s.len; i++)
		if (!is_field_char(s.p[i]))
			return false;
	return true;
}

/* Length of the first element, whatever is in it: up to a comma or the end. */
static size_t
element_len(struct slice s)
{
	bool quoted = false;

	for (size_t i = 0; i < s.len; i++) {
		if (quoted && s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (s.p[i] == ',' && !quoted)
			return i;
	}
	return s.len;
}

bool
list_next(struct slice *rest, struct slice *element)
{
	while (rest->len > 0) {
		size_t n = element_len(*rest);

		*element = slice_trim(slice_first(*rest, n));
		*rest = slice_from(*rest, n + 1);
		if (element->len > 0)
			return true;
	}
	*element = SLICE_NONE;
	return false;
}

bool
list_has_token(struct slice list, struct slice token)
{
	struct slice element;

	while (list_next(&list, &element))
		if (slice_eq_nocase(element, token))
			return true;
	return false;
}
