#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/admin_request.h"
#include "common/check.h"

static const struct {
	const char *in;
	enum admin_verdict verdict;
	const char *path;
} cases[] = {
	{ "GET /metrics HTTP/1.1\r\n\r\n", ADMIN_DONE, "/metrics" },
	{ "GET /healthz HTTP/1.0\r\nHost: x\r\n\r\n", ADMIN_DONE, "/healthz" },
	{ "GET / HTTP/1.1\r\n\r\nmore", ADMIN_DONE, "/" },
	{ "GET /status?x=/y HTTP/1.1\r\n\r\n", ADMIN_DONE, "/status" },
	{ "POST /status HTTP/1.1\r\n\r\n", ADMIN_NOT_A_GET, NULL },
	{ "POST /takeover HTTP/1.1\r\n\r\n", ADMIN_TAKEOVER, NULL },
	{ "GET /takeover HTTP/1.1\r\n\r\n", ADMIN_DONE, "/takeover" },
	{ "HEAD / HTTP/1.1\r\n\r\n", ADMIN_NOT_A_GET, NULL },
	{ "get / HTTP/1.1\r\n\r\n", ADMIN_NOT_A_GET, NULL },
	{ "GET /\r\n\r\n", ADMIN_BAD, NULL },
	{ "GET / HTTP/2.0\r\n\r\n", ADMIN_BAD, NULL },
	{ "GET / HTTP/1.1 \r\n\r\n", ADMIN_BAD, NULL },
	{ "GET  / HTTP/1.1\r\n\r\n", ADMIN_BAD, NULL },
	{ "GET http://x/ HTTP/1.1\r\n\r\n", ADMIN_BAD, NULL },
	{ "G\x01T / HTTP/1.1\r\n\r\n", ADMIN_BAD, NULL },
	{ " GET / HTTP/1.1\r\n\r\n", ADMIN_BAD, NULL },
	{ "\r\n\r\n", ADMIN_BAD, NULL },
	{ "GET / HTTP/1.1\r\n", ADMIN_MORE, NULL },
	{ "", ADMIN_MORE, NULL },
};

static void
finds_the_path_of_a_get(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct slice path = SLICE_NONE;
		enum admin_verdict v =
		    admin_request_parse(slice_of(cases[i].in), &path);

		if (v != cases[i].verdict)
			fail_msg("\"%s\": %d", cases[i].in, (int)v);
		if (v == ADMIN_DONE)
			assert_true(slice_eq(path, slice_of(cases[i].path)));
	}
}

static void
gives_the_same_answer_one_byte_at_a_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct slice in = slice_of(cases[i].in), path = SLICE_NONE;
		enum admin_verdict v = ADMIN_MORE;

		for (size_t n = 0; n <= in.len && v == ADMIN_MORE; n++)
			v = admin_request_parse(slice_first(in, n), &path);
		assert_int_equal(v, cases[i].verdict);
		if (v == ADMIN_DONE)
			assert_true(slice_eq(path, slice_of(cases[i].path)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_path_of_a_get),
		cmocka_unit_test(gives_the_same_answer_one_byte_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
