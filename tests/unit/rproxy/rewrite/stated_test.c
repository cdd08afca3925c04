/*
 * What remains of the lists that a trusted peer passes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/rewrite/stated.h"

struct list_case {
	const char *name;
	const char *said[2]; /* one field each */
	const char *left;    /* NULL: none */
};

#define XFF "X-Forwarded-For"

/* 10.9.0.0/16 is trusted */
static const struct list_case cases[] = {
	{ XFF, { "198.51.100.7", NULL }, "198.51.100.7" },
	{ XFF, { "6.6.6.6, 198.51.100.7", NULL }, "198.51.100.7" },
	{ XFF, { "6.6.6.6", "198.51.100.7" }, "198.51.100.7" },
	{ "x_forwarded_for", { "6.6.6.6", "198.51.100.7" }, "198.51.100.7" },
	/* gateways of ours on the way */
	{ XFF, { "6.6.6.6, 198.51.100.7, 10.9.1.1,10.9.1.2", NULL },
	    "198.51.100.7" },
	{ XFF, { "10.9.6.6, 198.51.100.7", "10.9.1.1" }, "198.51.100.7" },
	{ XFF, { "10.9.6.6, 10.9.1.1", NULL }, "10.9.6.6" },
	{ XFF, { "2001:db8::7, 10.9.1.1", NULL }, "2001:db8::7" },
	{ XFF, { "unknown", "10.9.1.1" }, "unknown" },
	/* not one list to be cut in two by a client's quotation mark */
	{ XFF, { "6.6.6.6, \"", "198.51.100.7" }, "198.51.100.7" },
	{ XFF, { "\", 198.51.100.7", NULL }, "198.51.100.7" },
	{ XFF, { "6.6.6.6, ,", " " }, "6.6.6.6" },
	{ XFF, { "", " , " }, NULL },
	{ "X-Forwarded-Proto", { "https, http", NULL }, "http" },
	{ "X-Forwarded-Proto", { "https", "http" }, "http" },
	{ "X-Forwarded-Host", { "evil.org, p.example.com", NULL },
	    "p.example.com" },
	{ "X-Forwarded-Port", { "666", "443" }, "443" },
	{ "Forwarded", { "for=6.6.6.6;host=\"a,b\"", "for=\"[2001:db8::7]\"" },
	    "for=\"[2001:db8::7]\"" },
	{ "Forwarded", { "for=6.6.6.6, for=x;host=\"a,b\"", NULL },
	    "for=x;host=\"a,b\"" },
};

static void
one_value_of_each_list_remains(void **state)
{
	static struct cidr nets[1];
	const struct http_conf http = { .trust_from = { nets, 1 } };

	(void)state;
	assert_true(cidr_parse(SLICE("10.9.0.0/16"), &nets[0]));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct list_case *c = &cases[i];
		const struct field *left;
		struct fields f = { 0 };
		unsigned n = 0;

		for (size_t k = 0; k < 2 && c->said[k] != NULL; k++)
			assert_true(fields_add(
			    &f, slice_of(c->name), slice_of(c->said[k])));
		stated_settle(&f, &http);
		left = fields_find(&f, slice_of(c->name));
		for (unsigned k = 0; k < f.n; k++)
			n += f.v[k].drop ? 0 : 1;
		if (n != (c->left != NULL ? 1 : 0) ||
		    (left != NULL && !slice_eq(left->value, slice_of(c->left))))
			fail_msg("case %zu: %u left, %.*s", i, n,
			    SLICE_FMT(left != NULL ? left->value : SLICE("")));
		fields_fini(&f);
	}
}

static void
other_fields_stay_as_they_are(void **state)
{
	const struct http_conf http = { 0 };
	struct fields f = { 0 };

	(void)state;
	assert_true(fields_add(&f, SLICE("Cookie"), SLICE("a=b, c")));
	assert_true(fields_add(&f, SLICE("Accept"), SLICE("a, b")));
	assert_true(fields_add(&f, SLICE("Accept"), SLICE("c")));
	stated_settle(&f, &http);
	assert_true(slice_eq(f.v[0].value, SLICE("a=b, c")));
	assert_true(slice_eq(f.v[1].value, SLICE("a, b")));
	assert_false(f.v[0].drop || f.v[1].drop || f.v[2].drop);
	fields_fini(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_value_of_each_list_remains),
		cmocka_unit_test(other_fields_stay_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
