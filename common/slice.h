/*
 * A borrowed run of bytes: no ownership, no terminator.  A slice is valid as
 * long as what it points into.  Pure.
 */
#ifndef COMMON_SLICE_H
#define COMMON_SLICE_H

#include <stdbool.h>
#include <stddef.h>

struct slice {
	const char *p; /* may be NULL when len is 0 */
	size_t len;
};

#define SLICE(literal) ((struct slice){ (literal), sizeof(literal) - 1 })
#define SLICE_NONE ((struct slice){ NULL, 0 })
/* for printf("%.*s") */
#define SLICE_FMT(s) (int)(s).len, (s).p

struct slice slice_of(const char *s); /* NULL gives the empty slice */
bool slice_eq(struct slice a, struct slice b);
/* ASCII only, independent of the locale. */
bool slice_eq_nocase(struct slice a, struct slice b);
bool slice_starts_with(struct slice s, struct slice prefix);
bool slice_starts_with_nocase(struct slice s, struct slice prefix);
bool slice_ends_with_nocase(struct slice s, struct slice suffix);
/* Without leading and trailing SP and HTAB (OWS, RFC 9110 section 5.6.3). */
struct slice slice_trim(struct slice s);
/* Offset of the first c, or s.len. */
size_t slice_find(struct slice s, char c);
/* Offset of the first occurrence of needle, or s.len. */
size_t slice_find_slice(struct slice s, struct slice needle);
/* From offset to the end; from >= len gives the empty slice. */
struct slice slice_from(struct slice s, size_t offset);
struct slice slice_first(struct slice s, size_t len);
/*
 * Takes the part before the first sep off *rest and returns it (not trimmed).
 * False when *rest has been used up (p == NULL).
 */
bool slice_split(struct slice *rest, char sep, struct slice *part);
/* A terminated copy for start-up use; the caller frees it. */
char *slice_dup(struct slice s);

char ascii_lower(char c);

#endif
