#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/proxy_v1.h"

static const struct {
	const char *text;
	enum proxy_v1_verdict want;
	const char *src; /* "" when unknown */
	const char *dst;
} cases[] = {
	{ "PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\r\n", PROXY_V1_DONE,
	    "192.0.2.1:50000", "198.51.100.2:443" },
	{ "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n", PROXY_V1_DONE,
	    "[2001:db8::1]:1", "[2001:db8::2]:65535" },
	{ "PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n", PROXY_V1_DONE, "1.2.3.4:0",
	    "5.6.7.8:0" },
	{ "PROXY UNKNOWN\r\n", PROXY_V1_DONE, "", "" },
	{ "PROXY UNKNOWN ff:fe::1 ::2 7 what ever\r\n", PROXY_V1_DONE, "", "" },
	{ "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", PROXY_V1_BAD, "", "" },
	{ "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n", PROXY_V1_BAD, "", "" },
	{ "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n", PROXY_V1_BAD, "", "" },
	{ "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", PROXY_V1_BAD, "", "" },
	{ "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", PROXY_V1_BAD, "", "" },
	{ "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", PROXY_V1_BAD, "", "" },
	{ "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n", PROXY_V1_BAD, "", "" },
	{ "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n", PROXY_V1_BAD, "", "" },
	{ "PROXY TCP4 ::1 ::2 1 2\r\n", PROXY_V1_BAD, "", "" },
	{ "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", PROXY_V1_BAD, "", "" },
	{ "PROXY TCP6 [::1] [::2] 1 2\r\n", PROXY_V1_BAD, "", "" },
	{ "PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n", PROXY_V1_BAD, "", "" },
	{ "PROXY TCP4 example.com 5.6.7.8 1 2\r\n", PROXY_V1_BAD, "", "" },
	{ "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", PROXY_V1_BAD, "", "" },
	{ "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n", PROXY_V1_BAD, "", "" },
	{ "PROXY \r\n", PROXY_V1_BAD, "", "" },
	{ "Proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n", PROXY_V1_BAD, "", "" },
	{ "GET / HTTP/1.1\r\n", PROXY_V1_BAD, "", "" },
	{ "\r\n", PROXY_V1_BAD, "", "" },
	{ "PROXY TCP4 1.2.3.4", PROXY_V1_MORE, "", "" },
	{ "P", PROXY_V1_MORE, "", "" },
	{ "", PROXY_V1_MORE, "", "" },
	/* 107 bytes without an end */
	{ "PROXY UNKNOWN 0123456789012345678901234567890123456789012345678901"
	  "23456789012345678901234567890123456789012",
	    PROXY_V1_BAD, "", "" },
};

/* The input in a piece of memory of just its size. */
static enum proxy_v1_verdict
decode(const char *text, size_t len, struct proxy_v1 *out, size_t *used)
{
	char *exact = test_malloc(len + 1);
	const char *reason = NULL;
	enum proxy_v1_verdict v;

	memcpy(exact, text, len);
	exact[len] = '\n'; /* not ours to look at */
	v = proxy_v1_decode((struct slice){ exact, len }, out, used, &reason);
	if (v == PROXY_V1_BAD)
		assert_non_null(reason);
	test_free(exact);
	return v;
}

static void
assert_address(const struct addr *a, const char *want)
{
	char text[ADDR_TEXT_MAX];

	if (want[0] == '\0')
		assert_int_equal(a->len, 0);
	else
		assert_string_equal(addr_format(a, text), want);
}

static void
reads_what_the_specification_allows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = strlen(cases[i].text), used = 0;
		struct proxy_v1 out;

		if (decode(cases[i].text, len, &out, &used) != cases[i].want)
			fail_msg("case %zu: %s", i, cases[i].text);
		if (cases[i].want != PROXY_V1_DONE)
			continue;
		assert_int_equal(used, len);
		assert_int_equal(out.is_known, cases[i].src[0] != '\0');
		assert_address(&out.src, cases[i].src);
		assert_address(&out.dst, cases[i].dst);
	}
}

static void
one_byte_at_a_time_gives_the_same_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum proxy_v1_verdict v = PROXY_V1_MORE;
		struct proxy_v1 out;
		size_t used = 0, n = 0, len = strlen(cases[i].text);

		while (v == PROXY_V1_MORE && n < len)
			v = decode(cases[i].text, ++n, &out, &used);
		assert_int_equal(v, cases[i].want);
		if (v == PROXY_V1_DONE)
			assert_int_equal(used, len);
	}
}

static void
takes_nothing_of_what_follows(void **state)
{
	static const char text[] = "PROXY UNKNOWN\r\n\x16\x03\x01PROXY\r\n";
	struct proxy_v1 out;
	size_t used = 0;

	(void)state;
	assert_int_equal(
	    decode(text, sizeof(text) - 1, &out, &used), PROXY_V1_DONE);
	assert_int_equal(used, 15);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_the_specification_allows),
		cmocka_unit_test(one_byte_at_a_time_gives_the_same_answer),
		cmocka_unit_test(takes_nothing_of_what_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
