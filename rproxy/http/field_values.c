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
	if ((unsigned char)c >= 0x20)
		return c != 0x7f;
	return c == '\t';
}

/*
 * Whether eight bytes are all from 0x20 to 0x7e, which nearly all values are
 * made of: subtracting 0x20 sets the top bit of what is less, adding 1 that of
 * 0x7f, and one of the two leaves it set where it was.  A borrow or carry comes
 * out of bytes that are found themselves.
 */
static bool
is_visible(const char *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return (((x - ones * 0x20) | (x + ones)) & (ones * 0x80)) == 0;
}

static size_t
plain_len(struct slice s)
{
	size_t n = 0;

	while (n < s.len && is_field_char(s.p[n]))
		n++;
	return n;
}

size_t
field_value_len(struct slice s)
{
	size_t i = 0, n;

	for (; s.len - i >= 8; i += 8) {
		if (is_visible(s.p + i))
			continue;
		/* HTAB and obs-text are allowed, too */
		n = plain_len((struct slice){ s.p + i, 8 });
		if (n < 8)
			return i + n;
	}
	return i + plain_len(slice_from(s, i));
}

bool
is_field_value(struct slice s)
{
	return field_value_len(s) == s.len;
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
