#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/slice.h"

static void
compares_whole_contents(void **state)
{
	(void)state;
	assert_true(slice_eq(SLICE("abc"), SLICE("abc")));
	assert_false(slice_eq(SLICE("abc"), SLICE("abd")));
	assert_false(slice_eq(SLICE("abc"), SLICE("ab")));
	assert_true(slice_eq(SLICE("a\0b"), SLICE("a\0b")));
	assert_false(slice_eq(SLICE("a\0b"), SLICE("a\0c")));
	assert_true(slice_eq(SLICE_NONE, SLICE("")));
}

static void
folds_case_for_ascii_only(void **state)
{
	(void)state;
	assert_true(slice_eq_nocase(SLICE("Set-Cookie"), SLICE("sET-cOOKIE")));
	assert_false(slice_eq_nocase(SLICE("a@z"), SLICE("a`z")));
	assert_false(slice_eq_nocase(SLICE("[{"), SLICE("{[")));
	/* A umlaut, capital and small, in Latin-1 */
	assert_false(slice_eq_nocase(SLICE("\xc4"), SLICE("\xe4")));
}

static void
finds_prefixes_and_suffixes(void **state)
{
	(void)state;
	assert_true(slice_starts_with(SLICE("/irj/x"), SLICE("/irj")));
	assert_true(slice_starts_with(SLICE("/irj"), SLICE("")));
	assert_false(slice_starts_with(SLICE("/ir"), SLICE("/irj")));
	assert_false(slice_starts_with(SLICE("/IRJ"), SLICE("/irj")));
	assert_true(
	    slice_starts_with_nocase(SLICE("HTTP://x"), SLICE("http:")));
	assert_true(
	    slice_ends_with_nocase(SLICE("a.EXAMPLE"), SLICE(".example")));
	assert_false(slice_ends_with_nocase(SLICE("x"), SLICE(".example")));
}

static void
trims_blanks_and_tabs_but_not_line_ends(void **state)
{
	(void)state;
	assert_true(slice_eq(slice_trim(SLICE(" \t a b\t ")), SLICE("a b")));
	assert_true(slice_eq(slice_trim(SLICE(" \t")), SLICE("")));
	assert_true(slice_eq(slice_trim(SLICE("a\r")), SLICE("a\r")));
	assert_int_equal(slice_trim(SLICE_NONE).len, 0);
}

static void
finds_the_first_occurrence_or_the_length(void **state)
{
	(void)state;
	assert_int_equal(slice_find(SLICE("a;b;c"), ';'), 1);
	assert_int_equal(slice_find(SLICE("abc"), ';'), 3);
	assert_int_equal(slice_find(SLICE_NONE, ';'), 0);
	assert_int_equal(slice_find_slice(SLICE("x://y://"), SLICE("://")), 1);
	assert_int_equal(slice_find_slice(SLICE("abc"), SLICE("cd")), 3);
	assert_int_equal(slice_find_slice(SLICE("abc"), SLICE("")), 0);
	assert_int_equal(slice_find_slice(SLICE("a"), SLICE("abc")), 1);
}

static void
cuts_without_leaving_the_slice(void **state)
{
	(void)state;
	assert_true(slice_eq(slice_from(SLICE("abc"), 1), SLICE("bc")));
	assert_int_equal(slice_from(SLICE("abc"), 3).len, 0);
	assert_int_equal(slice_from(SLICE("abc"), 99).len, 0);
	assert_true(slice_eq(slice_first(SLICE("abc"), 2), SLICE("ab")));
	assert_true(slice_eq(slice_first(SLICE("abc"), 9), SLICE("abc")));
}

static void
splits_into_every_part_empty_ones_included(void **state)
{
	static const struct {
		struct slice in;
		const char *parts; /* joined by '|' */
	} table[] = {
		{ { "a,b", 3 }, "a|b|" },
		{ { "a", 1 }, "a|" },
		{ { ",", 1 }, "||" },
		{ { "a,,b,", 5 }, "a||b||" },
		{ { "", 0 }, "|" },
		{ { NULL, 0 }, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct slice rest = table[i].in;
		struct slice part;
		char got[32] = "";

		while (slice_split(&rest, ',', &part)) {
			strncat(got, part.p, part.len);
			strcat(got, "|");
		}
		assert_string_equal(got, table[i].parts);
	}
}

static void
copies_with_a_terminator(void **state)
{
	char *s = slice_dup(slice_first(SLICE("abcdef"), 3));
	char *empty = slice_dup(SLICE_NONE);

	(void)state;
	assert_string_equal(s, "abc");
	assert_string_equal(empty, "");
	mem_free(s);
	mem_free(empty);
	assert_int_equal(slice_of(NULL).len, 0);
	assert_int_equal(slice_of("abc").len, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compares_whole_contents),
		cmocka_unit_test(folds_case_for_ascii_only),
		cmocka_unit_test(finds_prefixes_and_suffixes),
		cmocka_unit_test(trims_blanks_and_tabs_but_not_line_ends),
		cmocka_unit_test(finds_the_first_occurrence_or_the_length),
		cmocka_unit_test(cuts_without_leaving_the_slice),
		cmocka_unit_test(splits_into_every_part_empty_ones_included),
		cmocka_unit_test(copies_with_a_terminator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
