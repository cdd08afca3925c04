#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include "common/clock.h"
#include "tests/unit/text.h"

/* 2026-11-23T14:35:10.123Z, a Monday */
#define SOME_MS UINT64_C(1795444510123)

static void
set_zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

static void
writes_http_dates_in_gmt(void **state)
{
	(void)state;
	set_zone("EST5");
	assert_text(clock_http_date(SOME_MS), "Mon, 23 Nov 2026 14:35:10 GMT");
	assert_text(
	    clock_http_date(SOME_MS + 876), "Mon, 23 Nov 2026 14:35:10 GMT");
	assert_text(
	    clock_http_date(SOME_MS + 877), "Mon, 23 Nov 2026 14:35:11 GMT");
	/* the example of RFC 9110 section 5.6.7 */
	assert_text(clock_http_date(UINT64_C(784111777000)),
	    "Sun, 06 Nov 1994 08:49:37 GMT");
	assert_text(clock_http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
}

static void
writes_log_times_in_the_local_zone(void **state)
{
	(void)state;
	set_zone("UTC0");
	assert_text(clock_clf(SOME_MS), "23/Nov/2026:14:35:10 +0000");
	set_zone("EST5");
	assert_text(clock_clf(SOME_MS + 1000), "23/Nov/2026:09:35:11 -0500");
	set_zone("IST-5:30");
	assert_text(clock_clf(SOME_MS + 2000), "23/Nov/2026:20:05:12 +0530");
	set_zone("NST3:30");
	assert_text(clock_clf(SOME_MS + 3000), "23/Nov/2026:11:05:13 -0330");
}

static void
writes_milliseconds_anew_within_a_second(void **state)
{
	(void)state;
	assert_text(clock_rfc3339(SOME_MS), "2026-11-23T14:35:10.123Z");
	assert_text(clock_rfc3339(SOME_MS - 123), "2026-11-23T14:35:10.000Z");
	assert_text(clock_rfc3339(SOME_MS + 876), "2026-11-23T14:35:10.999Z");
	assert_text(clock_rfc3339(SOME_MS + 877), "2026-11-23T14:35:11.000Z");
	assert_text(clock_rfc3339(SOME_MS), "2026-11-23T14:35:10.123Z");
}

static void
the_clocks_run_and_agree(void **state)
{
	uint64_t us = clock_monotonic_us();
	uint64_t ms = clock_monotonic_ms();
	uint64_t now = clock_now_ms();
	uint64_t wall = (uint64_t)time(NULL);

	(void)state;
	assert_in_range(ms, us / 1000, us / 1000 + 1000);
	assert_in_range(wall, now / 1000 - 1, now / 1000 + 1);
	while (clock_monotonic_us() == us)
		;
	assert_true(clock_monotonic_us() > us);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_http_dates_in_gmt),
		cmocka_unit_test(writes_log_times_in_the_local_zone),
		cmocka_unit_test(writes_milliseconds_anew_within_a_second),
		cmocka_unit_test(the_clocks_run_and_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
