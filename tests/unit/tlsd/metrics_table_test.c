#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/metrics_rows.h"
#include "tlsd/metrics_table.h"

static void
every_entry_has_a_name_that_says_its_kind(void **state)
{
	(void)state;
	assert_names_say_the_kind(tlsd_metrics, tlsd_n_metrics, "tlsd_");
}

static void
a_family_is_in_one_piece_and_explained_once(void **state)
{
	(void)state;
	assert_families_are_in_one_piece(tlsd_metrics, tlsd_n_metrics);
}

static void
no_two_entries_are_the_same_series(void **state)
{
	(void)state;
	assert_no_series_comes_twice(tlsd_metrics, tlsd_n_metrics);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_entry_has_a_name_that_says_its_kind),
		cmocka_unit_test(a_family_is_in_one_piece_and_explained_once),
		cmocka_unit_test(no_two_entries_are_the_same_series),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
