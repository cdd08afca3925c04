/*
 * Runs of bytes: comparing, cutting, finding.  Pure; used by every process.
 *
 * Case is folded for ASCII alone: field names, host names and schemes are
 * ASCII by their RFCs, and a locale must not decide what they are equal to.
 */
#include <string.h>

#include "common/mem.h"
#include "common/slice.h"

struct slice
slice_of(const char *s)
{
	if (s == NULL)
		return SLICE_NONE;
	return (struct slice){ s, strlen(s) };
}

char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool
slice_eq(struct slice a, struct slice b)
{
	/* memcmp() must not see NULL, even for no bytes */
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool
slice_eq_nocase(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (a.p[i] != b.p[i] &&
		    ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

bool
slice_starts_with(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len &&
	       slice_eq(slice_first(s, prefix.len), prefix);
}

bool
slice_starts_with_nocase(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len &&
	       slice_eq_nocase(slice_first(s, prefix.len), prefix);
}

bool
slice_ends_with_nocase(struct slice s, struct slice suffix)
{
	return s.len >= suffix.len &&
	       slice_eq_nocase(slice_from(s, s.len - suffix.len), suffix);
}

static bool
is_ows(char c)
{
	return c == ' ' || c == '\t';
}

struct slice
slice_trim(struct slice s)
{
	while (s.len > 0 && is_ows(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_ows(s.p[s.len - 1]))
		s.len--;
	return s;
}

size_t
slice_find(struct slice s, char c)
{
	const char *at;

	if (s.len == 0)
		return 0;
	at = memchr(s.p, c, s.len);
	return at == NULL ? s.len : (size_t)(at - s.p);
}

size_t
slice_find_slice(struct slice s, struct slice needle)
{
	const char *at;

	if (needle.len == 0)
		return 0;
	if (s.len < needle.len)
		return s.len;
	at = memmem(s.p, s.len, needle.p, needle.len);
	return at == NULL ? s.len : (size_t)(at - s.p);
}

struct slice
slice_from(struct slice s, size_t offset)
{
	if (offset == 0)
		return s;
	if (offset >= s.len)
		return s.p == NULL ? s : (struct slice){ s.p + s.len, 0 };
	return (struct slice){ s.p + offset, s.len - offset };
}

struct slice
slice_first(struct slice s, size_t len)
{
	if (len < s.len)
		s.len = len;
	return s;
}

bool
slice_split(struct slice *rest, char sep, struct slice *part)
{
	size_t at;

	if (rest->p == NULL)
		return false;
	at = slice_find(*rest, sep);
	*part = slice_first(*rest, at);
	*rest = at == rest->len ? SLICE_NONE : slice_from(*rest, at + 1);
	return true;
}

char *
slice_dup(struct slice s)
{
	return mem_need_strndup(s.p, s.len);
}
