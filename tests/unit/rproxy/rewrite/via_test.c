/*
 * Via in its four modes, and the loop check.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/rewrite/via.h"

struct via_case {
	enum via_mode mode;
	const char *received; /* NULL: none */
	unsigned minor;
	const char *want_first;
	const char *want_last; /* NULL: none added */
};

static const struct via_case cases[] = {
	{ VIA_ON, NULL, 1, "1.1 gw", NULL },
	{ VIA_ON, NULL, 0, "1.0 gw", NULL },
	{ VIA_ON, "1.1 a (x)", 1, "1.1 a (x)", "1.1 gw" },
	{ VIA_FULL, NULL, 1, "1.1 gw (rproxy/" VERSION ")", NULL },
	{ VIA_BLOCK, "1.1 a (Apache/2.4 (Debian)), 1.0 b", 1, "1.1 a , 1.0 b",
	    "1.1 gw" },
	{ VIA_BLOCK, "1.1 a (x\\) y) , 1.1 b (z", 1, "1.1 a  , 1.1 b",
	    "1.1 gw" },
	{ VIA_OFF, "1.1 a (x)", 1, "1.1 a (x)", NULL },
	{ VIA_OFF, NULL, 1, NULL, NULL },
};

static void
check_case(const struct via_case *c)
{
	struct http_conf http = { .via = c->mode, .via_name = "gw" };
	struct fields f = { 0 };
	struct field *v;
	struct arena a;

	arena_init(&a, 4096);
	if (c->received != NULL)
		assert_true(
		    fields_add(&f, SLICE("Via"), slice_of(c->received)));
	assert_true(via_add(&f, &http, c->minor, &a));
	v = fields_first(&f, FIELD_VIA);
	if (c->want_first == NULL) {
		assert_null(v);
		return;
	}
	assert_non_null(v);
	if (!slice_eq(v->value, slice_of(c->want_first)))
		fail_msg(
		    "got %.*s, want %s", SLICE_FMT(v->value), c->want_first);
	v = fields_next(&f, v);
	assert_int_equal(v != NULL, c->want_last != NULL);
	if (v != NULL)
		assert_true(slice_eq(v->value, slice_of(c->want_last)));
	fields_fini(&f);
	arena_fini(&a);
}

static void
via_is_written_in_four_modes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_case(&cases[i]);
}

static void
own_name_anywhere_in_via_is_a_loop(void **state)
{
	static const struct {
		const char *value;
		bool loop;
	} t[] = { { "1.1 gw", true }, { "1.1 GW", true },
		{ "1.1 a, 1.0 gw (x)", true }, { "HTTP/1.1 gw, 1.1 a", true },
		{ "1.1 gw2", false }, { "1.1 a (gw)", false },
		{ "gw 1.1", false }, { "1.1 a", false } };
	struct http_conf http = { .via = VIA_ON, .via_name = "gw" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fields f = { 0 };

		assert_true(fields_add(&f, SLICE("via"), slice_of(t[i].value)));
		if (via_is_loop(&f, &http) != t[i].loop)
			fail_msg("%s", t[i].value);
		fields_fini(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(via_is_written_in_four_modes),
		cmocka_unit_test(own_name_anywhere_in_via_is_a_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
