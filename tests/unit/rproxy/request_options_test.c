/*
 * OPTIONS for the gateway itself, and Max-Forwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/request_options.h"

static const struct {
	enum method method;
	enum target_form form;
	const char *hops; /* NULL: no field */
	enum reason why;
	enum request_action action;
	const char *hops_after;
} cases[] = {
	{ METHOD_OPTIONS, TARGET_ORIGIN, NULL, REASON_OK, REQUEST_FORWARD,
	    NULL },
	{ METHOD_OPTIONS, TARGET_ORIGIN, "3", REASON_OK, REQUEST_FORWARD, "2" },
	{ METHOD_OPTIONS, TARGET_ORIGIN, "1", REASON_OK, REQUEST_FORWARD, "0" },
	{ METHOD_OPTIONS, TARGET_ORIGIN, "0", REASON_OK, REQUEST_OPTIONS, "0" },
	{ METHOD_OPTIONS, TARGET_ORIGIN, "007", REASON_OK, REQUEST_FORWARD,
	    "6" },
	{ METHOD_OPTIONS, TARGET_ASTERISK, NULL, REASON_OK, REQUEST_OPTIONS,
	    NULL },
	{ METHOD_OPTIONS, TARGET_ASTERISK, "9", REASON_OK, REQUEST_OPTIONS,
	    "8" },
	{ METHOD_OPTIONS, TARGET_ORIGIN, "", REASON_BAD_MAX_FORWARDS,
	    REQUEST_FORWARD, "" },
	{ METHOD_OPTIONS, TARGET_ORIGIN, "-1", REASON_BAD_MAX_FORWARDS,
	    REQUEST_FORWARD, "-1" },
	{ METHOD_OPTIONS, TARGET_ORIGIN, "1, 2", REASON_BAD_MAX_FORWARDS,
	    REQUEST_FORWARD, "1, 2" },
	{ METHOD_OPTIONS, TARGET_ORIGIN, "99999999999999999999",
	    REASON_BAD_MAX_FORWARDS, REQUEST_FORWARD, "99999999999999999999" },
	{ METHOD_GET, TARGET_ORIGIN, "0", REASON_OK, REQUEST_FORWARD, "0" },
	{ METHOD_GET, TARGET_ORIGIN, "x", REASON_OK, REQUEST_FORWARD, "x" },
};

static void
max_forwards_is_counted_down_or_ends_here(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct request_head r = { .method_id = cases[i].method };
		struct request_plan p = { .action = REQUEST_FORWARD };
		struct slice after = slice_of(cases[i].hops_after);
		struct arena a;

		arena_init(&a, 1024);
		p.target.form = cases[i].form;
		if (cases[i].hops != NULL)
			fields_add(&r.fields, SLICE("Max-Forwards"),
			    slice_of(cases[i].hops));
		if (request_options_plan(&r, &p, &a) != cases[i].why ||
		    p.action != cases[i].action)
			fail_msg("case %zu", i);
		if (r.fields.n > 0 && !slice_eq(r.fields.v[0].value, after))
			fail_msg("case %zu: %.*s", i,
			    SLICE_FMT(r.fields.v[0].value));
		fields_fini(&r.fields);
		arena_fini(&a);
	}
}

static void
refuses_the_field_given_twice(void **state)
{
	struct request_head r = { .method_id = METHOD_OPTIONS };
	struct request_plan p = { .action = REQUEST_FORWARD };
	struct arena a;

	(void)state;
	arena_init(&a, 1024);
	fields_add(&r.fields, SLICE("Max-Forwards"), SLICE("1"));
	fields_add(&r.fields, SLICE("Max-Forwards"), SLICE("1"));
	assert_int_equal(
	    request_options_plan(&r, &p, &a), REASON_BAD_MAX_FORWARDS);
	fields_fini(&r.fields);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(max_forwards_is_counted_down_or_ends_here),
		cmocka_unit_test(refuses_the_field_given_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
