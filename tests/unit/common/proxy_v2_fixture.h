/*
 * Room for a PROXY v2 header, and a reader of it that is checked.  For tests.
 */
#ifndef TESTS_UNIT_COMMON_PROXY_V2_FIXTURE_H
#define TESTS_UNIT_COMMON_PROXY_V2_FIXTURE_H

#include <string.h>

#include "common/proxy_v2.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static char wire[PROXY_V2_MAX + 1];

static inline enum proxy_v2_verdict
decode(struct slice in, struct proxy_v2 *out)
{
	const char *reason;
	size_t used = 0;
	enum proxy_v2_verdict v = proxy_v2_decode(in, out, &used, &reason);

	if (v == PROXY_V2_DONE)
		assert_int_equal(used, in.len);
	if (v == PROXY_V2_BAD)
		assert_non_null(reason);
	return v;
}

#endif
