/*
 * What Accept says about JSON and HTML.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/http/accept.h"

static const struct {
	const char *accept; /* NULL: no field */
	bool json;
} cases[] = {
	{ NULL, false },
	{ "", false },
	{ "*/*", false },
	{ "application/json", true },
	{ "APPLICATION/JSON", true },
	{ "application/problem+json", true },
	{ "application/json, text/plain, */*", true },
	{ "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
	    false },
	{ "text/html, application/json", false },
	{ "text/html;q=0.5, application/json", true },
	{ "text/html, application/json;q=0.9", false },
	{ "application/json;q=0", false },
	{ "application/json;q=0.000, */*", false },
	{ "application/*", false },
	{ "application/*, text/html;q=0.1", false },
	{ "application/json;q=0.8, */*;q=0.9", false },
	{ "application/json; charset=utf-8; q=1.0, text/html;q=0.999", true },
	{ "application/json;Q=0.2, text/html;q=0.1", true },
	{ "text/*;q=0.9, application/json;q=0.9", true },
	{ "application/json;q=nonsense", true },
	{ "image/png", false },
	{ "application/jsonx, xapplication/json", false },
};

static void
json_is_for_those_who_name_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fields f = { 0 };

		if (cases[i].accept != NULL)
			assert_true(fields_add(
			    &f, SLICE("Accept"), slice_of(cases[i].accept)));
		if (accept_prefers_json(&f) != cases[i].json)
			fail_msg("%s", cases[i].accept);
		fields_fini(&f);
	}
}

static void
several_lines_are_one_list(void **state)
{
	struct fields f = { 0 };

	(void)state;
	fields_add(&f, SLICE("Accept"), SLICE("text/plain"));
	fields_add(&f, SLICE("Accept"), SLICE("application/json"));
	assert_true(accept_prefers_json(&f));
	fields_add(&f, SLICE("Accept"), SLICE("text/html"));
	assert_false(accept_prefers_json(&f));
	fields_fini(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_for_those_who_name_it),
		cmocka_unit_test(several_lines_are_one_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
