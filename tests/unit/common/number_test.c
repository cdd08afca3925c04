#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/number.h"

#define REFUSED UINT64_C(0xdeadbeefdeadbeef)

struct row {
	const char *in;
	uint64_t want;
};

static void
run(const struct row *rows, size_t n, bool (*parse)(struct slice, uint64_t *))
{
	for (size_t i = 0; i < n; i++) {
		uint64_t got = REFUSED;
		bool ok = parse(slice_of(rows[i].in), &got);

		if (got != rows[i].want || ok != (got != REFUSED))
			fail_msg("\"%s\": %d %llu", rows[i].in, ok,
			    (unsigned long long)got);
	}
}

static void
takes_digits_and_nothing_else(void **state)
{
	static const struct row rows[] = {
		{ "0", 0 }, { "10", 10 }, { "007", 7 },
		{ "18446744073709551615", UINT64_MAX },
		{ "18446744073709551616", REFUSED },
		{ "99999999999999999999", REFUSED },
		{ "184467440737095516150", REFUSED }, { "", REFUSED },
		{ "+1", REFUSED }, { "-1", REFUSED }, { " 1", REFUSED },
		{ "1 ", REFUSED }, { "1a", REFUSED }, { "0x1", REFUSED },
		{ "1,1", REFUSED }, { "1_0", REFUSED },
		{ "\xb2", REFUSED }, /* superscript two in Latin-1 */
	};

	(void)state;
	run(rows, ARRAY_LEN(rows), number_parse);
	assert_false(number_parse(SLICE("1\0"), &(uint64_t){ 0 }));
}

static void
takes_hex_digits_and_nothing_else(void **state)
{
	static const struct row rows[] = {
		{ "0", 0 },
		{ "fF", 255 },
		{ "ffffffffffffffff", UINT64_MAX },
		{ "0000000000000000000001", 1 },
		{ "10000000000000000", REFUSED },
		{ "fffffffffffffffff", REFUSED },
		{ "", REFUSED },
		{ "0x10", REFUSED },
		{ "g", REFUSED },
		{ "-1", REFUSED },
		{ "a;", REFUSED },
		{ "a ", REFUSED },
	};

	(void)state;
	run(rows, ARRAY_LEN(rows), number_parse_hex);
}

static void
durations_need_a_unit(void **state)
{
	static const struct row rows[] = {
		{ "0", 0 },
		{ "0s", 0 },
		{ "500ms", 500 },
		{ "10s", 10000 },
		{ "5m", 300000 },
		{ "2h", 7200000 },
		{ "7d", 604800000 },
		{ "1y", UINT64_C(31536000000) },
		{ "10", REFUSED },
		{ "s", REFUSED },
		{ "", REFUSED },
		{ "10 s", REFUSED },
		{ "10sec", REFUSED },
		{ "10S", REFUSED },
		{ "1.5s", REFUSED },
		{ "-1s", REFUSED },
		{ "18446744073709551615ms", UINT64_MAX },
		{ "18446744073709551615s", REFUSED },
		{ "584942418y", REFUSED },
	};

	(void)state;
	run(rows, ARRAY_LEN(rows), number_parse_duration);
}

static void
sizes_are_powers_of_1024(void **state)
{
	static const struct row rows[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "64k", 65536 },
		{ "100m", 104857600 },
		{ "2g", UINT64_C(2147483648) },
		{ "17179869183g", UINT64_MAX - 1073741823 },
		{ "17179869184g", REFUSED },
		{ "k", REFUSED },
		{ "", REFUSED },
		{ "64kb", REFUSED },
		{ "64 k", REFUSED },
		{ "1t", REFUSED },
	};

	(void)state;
	run(rows, ARRAY_LEN(rows), number_parse_size);
}

static void
writes_what_printf_writes(void **state)
{
	static const uint64_t values[] = { 0, 1, 9, 10, 99, 100, 4096,
		UINT32_MAX, UINT64_MAX - 1, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		char want[32];
		char got[32] = "";

		snprintf(
		    want, sizeof(want), "%llu", (unsigned long long)values[i]);
		assert_int_equal(number_format(got, values[i]), strlen(want));
		assert_string_equal(got, want);
	}
}

static void
writes_hex_in_lower_case(void **state)
{
	char out[9] = "";

	(void)state;
	number_format_hex(out, "\x00\x1f\xab\xff", 4);
	assert_string_equal(out, "001fabff");
}

/* RFC 4648 section 10 */
static void
writes_the_base64_test_vectors(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} rows[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xbf", "+/+/" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t in_len = strlen(rows[i].in);
		char out[16] = "";

		assert_int_equal(number_format_base64(out, rows[i].in, in_len),
		    strlen(rows[i].out));
		assert_string_equal(out, rows[i].out);
		assert_int_equal(
		    number_base64_len(in_len), strlen(rows[i].out));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_digits_and_nothing_else),
		cmocka_unit_test(takes_hex_digits_and_nothing_else),
		cmocka_unit_test(durations_need_a_unit),
		cmocka_unit_test(sizes_are_powers_of_1024),
		cmocka_unit_test(writes_what_printf_writes),
		cmocka_unit_test(writes_hex_in_lower_case),
		cmocka_unit_test(writes_the_base64_test_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
