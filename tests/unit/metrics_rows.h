/*
 * What holds for a daemon's table of metrics.  For tests.
 */
#ifndef TESTS_UNIT_METRICS_ROWS_H
#define TESTS_UNIT_METRICS_ROWS_H

#include <stdbool.h>
#include <string.h>

#include "common/metrics.h"

static inline void
assert_names_say_the_kind(
    const struct metric_def *rows, unsigned n, const char *daemon)
{
	for (unsigned i = 0; i < n; i++) {
		const char *end;

		assert_non_null(rows[i].name);
		assert_int_equal(
		    0, strncmp(rows[i].name, daemon, strlen(daemon)));
		end = strrchr(rows[i].name, '_');
		assert_int_equal(
		    rows[i].kind == METRIC_COUNTER, strcmp(end, "_total") == 0);
	}
}

/* Prometheus wants one family in one run, with one help text. */
static inline void
assert_families_are_in_one_piece(const struct metric_def *rows, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		bool is_first =
		    i == 0 || strcmp(rows[i - 1].name, rows[i].name) != 0;

		assert_int_equal(is_first, rows[i].help != NULL);
		for (unsigned k = 0; is_first && k < i; k++)
			assert_string_not_equal(rows[k].name, rows[i].name);
	}
}

static inline void
assert_no_series_comes_twice(const struct metric_def *rows, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < i; k++) {
			if (strcmp(rows[i].name, rows[k].name) != 0)
				continue;
			assert_non_null(rows[i].labels);
			assert_non_null(rows[k].labels);
			assert_string_not_equal(rows[i].labels, rows[k].labels);
		}
}

#endif
