/*
 * Smooth weighted round robin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rproxy/upstream/balance.h"

/* The order of n picks, as letters. */
static void
pick_some(struct balance_item *v, size_t n_items, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++) {
		int k = balance_pick(v, n_items);
		out[i] = k < 0 ? '-' : (char)('a' + k);
	}
	out[n] = '\0';
}

static void
equal_weights_take_turns(void **state)
{
	struct balance_item v[] = { { 1, 0, true }, { 1, 0, true },
		{ 1, 0, true } };
	char got[8];

	(void)state;
	pick_some(v, 3, 6, got);
	assert_string_equal(got, "abcabc");
}

static void
a_heavy_one_is_spread_over_the_round(void **state)
{
	struct balance_item v[] = { { 5, 0, true }, { 1, 0, true },
		{ 1, 0, true } };
	char got[16];

	(void)state;
	pick_some(v, 3, 14, got);
	assert_string_equal(got, "aabacaaaabacaa");
}

static void
one_that_is_not_usable_is_left_out_and_owed_nothing(void **state)
{
	struct balance_item v[] = { { 1, 0, true }, { 1, 0, false } };
	char got[8];

	(void)state;
	pick_some(v, 2, 4, got);
	assert_string_equal(got, "aaaa");
	v[1].usable = true;
	pick_some(v, 2, 4, got);
	assert_string_equal(got, "abab");
}

static void
nobody_is_picked_where_none_is_usable(void **state)
{
	struct balance_item v[] = { { 1, 0, false } };

	(void)state;
	assert_int_equal(balance_pick(v, 1), -1);
	assert_int_equal(balance_pick(v, 0), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_weights_take_turns),
		cmocka_unit_test(a_heavy_one_is_spread_over_the_round),
		cmocka_unit_test(
		    one_that_is_not_usable_is_left_out_and_owed_nothing),
		cmocka_unit_test(nobody_is_picked_where_none_is_usable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
