/*
 * What is counted has a name, and a reason its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "rproxy/metrics_table.h"

static void
every_entry_has_a_name_and_a_counter_says_so(void **state)
{
	(void)state;
	for (unsigned i = 0; i < rproxy_n_metrics; i++) {
		const struct metric_def *d = &rproxy_metrics[i];

		assert_non_null(d->name);
		assert_int_equal(0, strncmp(d->name, "rproxy_", 7));
		size_t len = strlen(d->name);
		assert_int_equal(d->kind == METRIC_COUNTER,
		    strcmp(d->name + len - 6, "_total") == 0);
	}
}

static void
a_family_is_in_one_piece_and_explained_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < rproxy_n_metrics; i++) {
		const struct metric_def *d = &rproxy_metrics[i];
		bool is_first = i == 0 || strcmp(d[-1].name, d->name) != 0;

		assert_int_equal(is_first, d->help != NULL);
		for (unsigned k = 0; is_first && k < i; k++)
			assert_string_not_equal(
			    rproxy_metrics[k].name, d->name);
	}
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
		cmocka_unit_test(every_entry_has_a_name_and_a_counter_says_so),
		cmocka_unit_test(a_family_is_in_one_piece_and_explained_once),
		cmocka_unit_test(each_reason_is_counted_under_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
