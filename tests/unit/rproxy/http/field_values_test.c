/*
 * The grammars of field values, against the letter of RFC 9110 section 5.6.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/check.h"
#include "rproxy/http/field_values.h"

static void
knows_token_characters(void **state)
{
	const char rest[] = "!#$%&'*+-.^_`|~";

	(void)state;
	for (int c = 0; c < 256; c++) {
		bool wanted = (c >= '0' && c <= '9') ||
			      (c >= 'A' && c <= 'Z') ||
			      (c >= 'a' && c <= 'z') ||
			      (c != 0 && strchr(rest, c) != NULL);

		assert_int_equal(is_tchar((char)c), wanted);
	}
}

static void
takes_no_empty_token(void **state)
{
	(void)state;
	assert_false(is_token(SLICE("")));
	assert_false(is_token(SLICE_NONE));
	assert_true(is_token(SLICE("chunked")));
	assert_false(is_token(SLICE("chunked ")));
	assert_false(is_token(SLICE("a b")));
}

/* Every byte at every place of values of every length up to three words. */
static void
finds_a_control_anywhere_in_a_value(void **state)
{
	char value[25];

	(void)state;
	for (size_t len = 1; len < sizeof(value); len++) {
		for (size_t at = 0; at < len; at++) {
			for (int c = 0; c < 256; c++) {
				bool wanted =
				    c == '\t' || (c >= 0x20 && c != 0x7f);

				memset(value, at % 2 ? 'a' : 0x80, len);
				value[at] = (char)c;
				assert_int_equal(is_field_value((struct slice){
						     value, len }),
				    wanted);
			}
		}
	}
	assert_true(is_field_value(SLICE_NONE));
}

static void
finds_a_control_behind_a_tab(void **state)
{
	(void)state;
	assert_true(is_field_value(SLICE("\t\t\t\t\t\t\t\t")));
	assert_false(is_field_value(SLICE("\t\t\t\x08\t\t\t\t")));
	assert_false(is_field_value(SLICE("\ta\x7f"
					  "aaaaaaaaa")));
}

static void
assert_list(const char *text, const char *const *wanted)
{
	struct slice rest = slice_of(text), element;

	for (; *wanted != NULL; wanted++) {
		assert_true(list_next(&rest, &element));
		assert_true(slice_eq(element, slice_of(*wanted)));
	}
	assert_false(list_next(&rest, &element));
	assert_false(list_next(&rest, &element));
}

static void
splits_lists(void **state)
{
	(void)state;
	assert_list("", (const char *const[]){ NULL });
	assert_list(" ,, \t,", (const char *const[]){ NULL });
	assert_list("a", (const char *const[]){ "a", NULL });
	assert_list(
	    "a,b ,\tc d,,", (const char *const[]){ "a", "b", "c d", NULL });
	assert_list("for=\"a,b\";by=c, d",
	    (const char *const[]){ "for=\"a,b\";by=c", "d", NULL });
	assert_list(
	    "\"a\\\",b\",c", (const char *const[]){ "\"a\\\",b\"", "c", NULL });
	assert_list("a,\"never closed, b",
	    (const char *const[]){ "a", "\"never closed, b", NULL });
	assert_list("\"a\\", (const char *const[]){ "\"a\\", NULL });
}

static void
finds_tokens_in_lists(void **state)
{
	(void)state;
	assert_true(list_has_token(SLICE("Keep-Alive, CLOSE"), SLICE("close")));
	assert_true(list_has_token(SLICE(",close ,"), SLICE("close")));
	assert_false(list_has_token(SLICE("closed, xclose"), SLICE("close")));
	assert_false(list_has_token(SLICE("a close"), SLICE("close")));
	assert_false(list_has_token(SLICE("\"close\""), SLICE("close")));
	assert_false(list_has_token(SLICE_NONE, SLICE("close")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_token_characters),
		cmocka_unit_test(takes_no_empty_token),
		cmocka_unit_test(finds_a_control_anywhere_in_a_value),
		cmocka_unit_test(finds_a_control_behind_a_tab),
		cmocka_unit_test(splits_lists),
		cmocka_unit_test(finds_tokens_in_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
