/*
 * Expressions: what they catch, and that none of them takes long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/route/pattern.h"

static enum pattern_verdict
match(const char *text, struct slice subject, struct slice *groups)
{
	char error[160];
	struct pattern *p = pattern_new(text, error, sizeof(error));
	enum pattern_verdict v;

	assert_non_null(p);
	v = pattern_match(p, subject, groups);
	pattern_free(p);
	return v;
}

static void
groups_are_slices_of_the_subject(void **state)
{
	struct slice subject = SLICE("/a/bc/d");
	struct slice g[PATTERN_GROUPS];

	(void)state;
	assert_int_equal(match("^/(.)/(x)?(..)", subject, g), PATTERN_YES);
	assert_true(slice_eq(g[0], SLICE("/a/bc")));
	assert_ptr_equal(g[0].p, subject.p);
	assert_true(slice_eq(g[1], SLICE("a")));
	assert_int_equal(g[2].len, 0);
	assert_true(slice_eq(g[3], SLICE("bc")));
	assert_int_equal(g[4].len, 0);
	assert_int_equal(match("x", subject, g), PATTERN_NO);
}

static void
more_groups_than_digits_do_no_harm(void **state)
{
	struct slice g[PATTERN_GROUPS];

	(void)state;
	assert_int_equal(
	    match("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)", SLICE("abcdefghijk"), g),
	    PATTERN_YES);
	assert_true(slice_eq(g[9], SLICE("i")));
}

static void
a_dollar_is_the_very_end(void **state)
{
	struct slice g[PATTERN_GROUPS];

	(void)state;
	assert_int_equal(match("^/a$", SLICE("/a"), g), PATTERN_YES);
	assert_int_equal(match("^/a$", SLICE("/a\n"), g), PATTERN_NO);
	assert_int_equal(match("^$", SLICE(""), g), PATTERN_YES);
}

static void
faults_say_where(void **state)
{
	static const char *const bad[] = { "(a", "a)", "[", "*", "(*UTF)a",
		"(?<x", "\\C" };
	char error[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		error[0] = '\0';
		assert_null(pattern_new(bad[i], error, sizeof(error)));
		assert_non_null(strstr(error, ", at character "));
	}
}

/* Each of these takes for ever where matching backtracks without a bound. */
static void
no_expression_takes_long(void **state)
{
	static const char *const evil[] = { "^(a+)+$", "^(a|aa)+$", "^(.*)*x$",
		"(a*)*(a*)*(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$",
		"(?:a?){30}a{30}b" };
	char subject[8001];
	struct slice g[PATTERN_GROUPS];
	struct timespec begin, end;

	(void)state;
	memset(subject, 'a', sizeof(subject) - 1);
	subject[sizeof(subject) - 1] = '\0';
	subject[sizeof(subject) - 2] = '!';
	for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
		(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
		assert_int_not_equal(
		    match(evil[i], slice_of(subject), g), PATTERN_YES);
		(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
		if ((end.tv_sec - begin.tv_sec) * 1000 +
			(end.tv_nsec - begin.tv_nsec) / 1000000 >
		    300)
			fail_msg("%s takes too long", evil[i]);
	}
	assert_int_equal(match("^(a+)+$", slice_of(subject), g), PATTERN_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_are_slices_of_the_subject),
		cmocka_unit_test(more_groups_than_digits_do_no_harm),
		cmocka_unit_test(a_dollar_is_the_very_end),
		cmocka_unit_test(faults_say_where),
		cmocka_unit_test(no_expression_takes_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
