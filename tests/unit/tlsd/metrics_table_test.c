#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tlsd/metrics_table.h"

static bool
is_counter_name(const char *name)
{
	size_t len = strlen(name);

	return len > 6 && strcmp(name + len - 6, "_total") == 0;
}

static void
every_entry_has_a_name_that_says_its_kind(void **state)
{
	(void)state;
	for (unsigned i = 0; i < tlsd_n_metrics; i++) {
		const struct metric_def *d = &tlsd_metrics[i];

		assert_non_null(d->name);
		assert_int_equal(0, strncmp(d->name, "tlsd_", 5));
		assert_int_equal(
		    d->kind == METRIC_COUNTER, is_counter_name(d->name));
	}
}

/* Prometheus wants one family in one run, with one help text. */
static void
a_family_is_contiguous_and_explained_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < tlsd_n_metrics; i++) {
		const struct metric_def *d = &tlsd_metrics[i];
		bool is_first = i == 0 || strcmp(d[-1].name, d->name) != 0;

		assert_int_equal(is_first, d->help != NULL);
		for (unsigned k = 0; is_first && k < i; k++)
			assert_string_not_equal(tlsd_metrics[k].name, d->name);
	}
}

static void
no_two_entries_are_the_same_series(void **state)
{
	(void)state;
	for (unsigned i = 0; i < tlsd_n_metrics; i++)
		for (unsigned k = 0; k < i; k++) {
			const struct metric_def *a = &tlsd_metrics[i];
			const struct metric_def *b = &tlsd_metrics[k];

			if (strcmp(a->name, b->name) != 0)
				continue;
			assert_non_null(a->labels);
			assert_non_null(b->labels);
			assert_string_not_equal(a->labels, b->labels);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_entry_has_a_name_that_says_its_kind),
		cmocka_unit_test(a_family_is_contiguous_and_explained_once),
		cmocka_unit_test(no_two_entries_are_the_same_series),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
