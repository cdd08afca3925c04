/*
 * What is counted has a name, and a reason its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "rproxy/metrics_table.h"
#include "tests/unit/metrics_rows.h"

static void
every_entry_has_a_name_that_says_its_kind(void **state)
{
	(void)state;
	assert_names_say_the_kind(rproxy_metrics, rproxy_n_metrics, "rproxy_");
}

static void
a_family_is_in_one_piece_and_explained_once(void **state)
{
	(void)state;
	assert_families_are_in_one_piece(rproxy_metrics, rproxy_n_metrics);
}

static void
no_two_entries_are_the_same_series(void **state)
{
	(void)state;
	assert_no_series_comes_twice(rproxy_metrics, rproxy_n_metrics);
}

static void
each_reason_is_counted_under_its_name(void **state)
{
	char want[128];

	(void)state;
	for (unsigned r = 0; r < REASON_COUNT; r++) {
		(void)snprintf(want, sizeof(want), "reason=\"%s\"",
		    reason_name((enum reason)r));
		assert_non_null(rproxy_metrics[M_FAILURES + r].labels);
		assert_string_equal(
		    rproxy_metrics[M_FAILURES + r].labels, want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_entry_has_a_name_that_says_its_kind),
		cmocka_unit_test(a_family_is_in_one_piece_and_explained_once),
		cmocka_unit_test(no_two_entries_are_the_same_series),
		cmocka_unit_test(each_reason_is_counted_under_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
