/*
 * When a server connection may be used again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/upstream/reuse.h"

struct keep_alive_case {
	const char *value;
	uint64_t want_idle_ms;
	unsigned want_requests;
};

static const struct keep_alive_case cases[] = {
	{ "timeout=5", 3000, 90 },
	{ "timeout=5, max=100", 3000, 90 },
	{ "max=3", 10000, 3 },
	{ "max=0", 10000, 0 },
	{ " Timeout = 7 , MAX=8", 5000, 8 },
	{ "timeout=3600", 10000, 90 },
	{ "timeout=2", 0, 0 },
	{ "timeout=0", 0, 0 },
	{ "timeout=99999999999999999999", 10000, 90 },
	{ "timeout=-1, max=x", 10000, 90 },
	{ "timeout, =5, other=1", 10000, 90 },
	{ "", 10000, 90 },
};

static void
keep_alive_narrows_and_never_widens(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reuse_limits l = { .idle_ms = 10000, .n_requests = 90 };

		reuse_narrow(&l, slice_of(cases[i].value));
		if (l.idle_ms != cases[i].want_idle_ms ||
		    l.n_requests != cases[i].want_requests)
			fail_msg("\"%s\": %u ms, %u requests", cases[i].value,
			    (unsigned)l.idle_ms, l.n_requests);
	}
}

static void
only_what_may_be_sent_twice_uses_any_connection(void **state)
{
	(void)state;
	assert_int_equal(reuse_need_of(METHOD_GET, false), REUSE_ANY);
	assert_int_equal(reuse_need_of(METHOD_DELETE, false), REUSE_ANY);
	assert_int_equal(reuse_need_of(METHOD_POST, false), REUSE_YOUNG);
	assert_int_equal(reuse_need_of(METHOD_OTHER, false), REUSE_YOUNG);
	assert_int_equal(reuse_need_of(METHOD_PUT, true), REUSE_YOUNG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keep_alive_narrows_and_never_widens),
		cmocka_unit_test(
		    only_what_may_be_sent_twice_uses_any_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
