/*
 * Access log lines, byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rproxy/access_line.h"

static struct access_entry
example(void)
{
	return (struct access_entry){
		.time_ms = UINT64_C(1795444510123),
		.client = SLICE("192.0.2.1"),
		.method = SLICE("GET"),
		.target = SLICE("/irj?a=b"),
		.minor = 1,
		.status = 200,
		.body_bytes = 1234,
		.referer = SLICE("http://r/"),
		.user_agent = SLICE("curl"),
		.host = SLICE("h"),
		.site = SLICE("portal"),
		.route = SLICE("irj"),
		.pool = SLICE("j2ee"),
		.server = SLICE("J2EE1"),
		.reason = SLICE("ok"),
		.id = SLICE("1-2"),
		.https = true,
		.tls_version = SLICE("TLSv1.3"),
		.is_reused = true,
		.total_ms = 12,
		.connect_ms = -1,
		.head_ms = 10,
	};
}

static void
expect(enum access_log_format format, const struct access_entry *e,
    const char *want)
{
	struct buf b = { 0 };

	assert_true(access_line_write(&b, format, e));
	assert_true(buf_append(&b, "", 1, buf_len(&b) + 1));
	assert_string_equal(buf_slice(&b).p, want);
	buf_release(&b);
}

static void
common_is_the_common_log_format(void **state)
{
	struct access_entry e = example();

	(void)state;
	expect(ACCESS_LOG_COMMON, &e,
	    "192.0.2.1 - - [23/Nov/2026:14:35:10 +0000] "
	    "\"GET /irj?a=b HTTP/1.1\" 200 1234\n");
	e.body_bytes = 0;
	expect(ACCESS_LOG_COMMON, &e,
	    "192.0.2.1 - - [23/Nov/2026:14:35:10 +0000] "
	    "\"GET /irj?a=b HTTP/1.1\" 200 -\n");
}

static void
combined_adds_referer_and_user_agent(void **state)
{
	struct access_entry e = example();

	(void)state;
	expect(ACCESS_LOG_COMBINED, &e,
	    "192.0.2.1 - - [23/Nov/2026:14:35:10 +0000] "
	    "\"GET /irj?a=b HTTP/1.1\" 200 1234 \"http://r/\" \"curl\"\n");
}

static void
json_has_all_that_is_known(void **state)
{
	struct access_entry e = example();

	(void)state;
	expect(ACCESS_LOG_JSON, &e,
	    "{\"time\":\"2026-11-23T14:35:10.123Z\",\"id\":\"1-2\","
	    "\"client\":\"192.0.2.1\",\"scheme\":\"https\",\"host\":\"h\","
	    "\"method\":\"GET\",\"target\":\"/irj?a=b\",\"minor\":1,"
	    "\"status\":200,\"reason\":\"ok\",\"bytes\":1234,"
	    "\"request_bytes\":0,\"ms\":12,\"head_ms\":10,"
	    "\"site\":\"portal\",\"route\":\"irj\",\"pool\":\"j2ee\","
	    "\"server\":\"J2EE1\",\"reused\":1,\"retries\":0,"
	    "\"tls\":\"TLSv1.3\",\"referer\":\"http://r/\","
	    "\"user_agent\":\"curl\"}\n");
}

/* Names in certificates are; people and machines look for them. */
static void
json_keeps_what_is_utf_8(void **state)
{
	static const struct {
		struct slice subject;
		const char *want;
	} rows[] = {
		{ SLICE("CN=J\xc3\xbcrgen"), "CN=J\\u00fcrgen" },
		{ SLICE("\xe2\x82\xac.\xf0\x9f\x94\x91"),
		    "\\u20ac.\\ud83d\\udd11" },
		{ SLICE("\xf4\x8f\xbf\xbf"), "\\udbff\\udfff" },
		/* no UTF-8: another byte, none, too long, a half, too large */
		{ SLICE("\xc3!"), "\\u00c3!" },
		{ SLICE("\xe2\x82"), "\\u00e2\\u0082" },
		{ SLICE("\xc0\xaf"), "\\u00c0\\u00af" },
		{ SLICE("\xed\xa0\x80"), "\\u00ed\\u00a0\\u0080" },
		{ SLICE("\xf4\x90\x80\x80"), "\\u00f4\\u0090\\u0080\\u0080" },
		{ SLICE("\xff\xbf"), "\\u00ff\\u00bf" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct access_entry e = { .cert_subject = rows[i].subject };
		struct buf b = { 0 };
		char want[200];

		snprintf(want, sizeof(want), ",\"cert_subject\":\"%s\"}\n",
		    rows[i].want);
		assert_true(access_line_write(&b, ACCESS_LOG_JSON, &e));
		assert_true(buf_append(&b, "", 1, buf_len(&b) + 1));
		assert_non_null(strstr(buf_slice(&b).p, want));
		buf_release(&b);
	}
}

static void
a_request_that_was_refused_is_shown_as_it_came(void **state)
{
	struct access_entry e = { .client = SLICE("c"),
		.refused_line = SLICE("FOO /\x01 HTTP/9\""),
		.status = 501,
		.connect_ms = -1,
		.head_ms = -1 };

	(void)state;
	expect(ACCESS_LOG_COMMON, &e,
	    "c - - [01/Jan/1970:00:00:00 +0000] "
	    "\"FOO /\\x01 HTTP/9\\x22\" 501 -\n");
	expect(ACCESS_LOG_JSON, &e,
	    "{\"time\":\"1970-01-01T00:00:00.000Z\",\"client\":\"c\","
	    "\"scheme\":\"http\","
	    "\"refused_line\":\"FOO /\\u0001 HTTP/9\\u0022\","
	    "\"minor\":0,\"status\":501,\"bytes\":0,"
	    "\"request_bytes\":0,\"ms\":0}\n");
}

static void
a_client_cannot_forge_a_line_or_a_field(void **state)
{
	struct access_entry e = { .client = SLICE("c"),
		.method = SLICE("GET"),
		.target = SLICE("/\" 200 1\n\\\x80"),
		.status = 404 };

	(void)state;
	expect(ACCESS_LOG_COMBINED, &e,
	    "c - - [01/Jan/1970:00:00:00 +0000] "
	    "\"GET /\\x22 200 1\\x0a\\x5c\\x80 HTTP/1.0\" 404 - \"-\" \"-\"\n");
	expect(ACCESS_LOG_JSON, &e,
	    "{\"time\":\"1970-01-01T00:00:00.000Z\",\"client\":\"c\","
	    "\"scheme\":\"http\",\"method\":\"GET\","
	    "\"target\":\"/\\u0022 200 1\\u000a\\u005c\\u0080\",\"minor\":0,"
	    "\"status\":404,\"bytes\":0,\"request_bytes\":0,\"ms\":0,"
	    "\"connect_ms\":0,\"head_ms\":0}\n");
}

static void
a_request_that_could_not_be_read_has_a_dash(void **state)
{
	struct access_entry e = { .client = SLICE("c"), .status = 400 };

	(void)state;
	expect(ACCESS_LOG_COMMON, &e,
	    "c - - [01/Jan/1970:00:00:00 +0000] \"-\" 400 -\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(common_is_the_common_log_format),
		cmocka_unit_test(combined_adds_referer_and_user_agent),
		cmocka_unit_test(json_has_all_that_is_known),
		cmocka_unit_test(json_keeps_what_is_utf_8),
		cmocka_unit_test(
		    a_request_that_was_refused_is_shown_as_it_came),
		cmocka_unit_test(a_client_cannot_forge_a_line_or_a_field),
		cmocka_unit_test(a_request_that_could_not_be_read_has_a_dash),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
