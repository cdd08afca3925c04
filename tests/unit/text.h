/*
 * Slices compared with text, and addresses made of it.  For tests.
 */
#ifndef TESTS_UNIT_TEXT_H
#define TESTS_UNIT_TEXT_H

#include "common/addr.h"
#include "common/slice.h"

static inline void
assert_text(struct slice got, const char *want)
{
	if (!slice_eq(got, slice_of(want)))
		fail_msg("\"%.*s\" instead of \"%s\"", SLICE_FMT(got), want);
}

/* As addr_parse() reads it, "192.0.2.1:443". */
static inline struct addr
addr_of(const char *text)
{
	struct addr a;

	if (!addr_parse(slice_of(text), &a))
		fail_msg("not an address: %s", text);
	return a;
}

#endif
