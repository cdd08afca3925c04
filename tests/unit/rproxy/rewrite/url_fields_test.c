/*
 * What a client must see for what a server said in Link, Refresh and URI.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "mapping_fixture.h"
#include "rproxy/rewrite/client_cert.h"
#include "rproxy/rewrite/url_fields.h"

#define SAME NULL
#define S "https://portal.example.com"
#define IN "http://10.1.0.11:50000"

struct field_case {
	enum fixture_route route;
	const char *name;
	const char *said;
	const char *seen;
};

static const struct field_case fields[] = {
	{ IRJ, "Link", "<" IN "/irj/a.css>; rel=preload",
	    "<" S "/irj/a.css>; rel=preload" },
	{ IRJ, "Link", "<" IN "/1>; rel=prev, <" IN "/3>;rel=\"next\"",
	    "<" S "/1>; rel=prev, <" S "/3>;rel=\"next\"" },
	{ IRJ, "Link", "<http://www.example.org/>; rel=x", SAME },
	{ IRJ, "Link", "<" IN "/x>; title=\"a, <" IN "/y>\"",
	    "<" S "/x>; title=\"a, <" IN "/y>\"" },
	{ IRJ, "Link", "<" IN "/x>; title=\"a\\\"<\", <" IN "/z>",
	    "<" S "/x>; title=\"a\\\"<\", <" S "/z>" },
	{ REPORTS, "Link", "</crystal/reports/a.js>; rel=preload; as=script",
	    "</reports/a.js>; rel=preload; as=script" },
	{ IRJ, "Link", "<a.css>; rel=stylesheet", SAME },
	{ IRJ, "Link", "<>; rel=self", SAME },
	{ IRJ, "Link", "nonsense", SAME },
	{ IRJ, "Link", "<" IN "/open", "<" S "/open" },
	{ IRJ, "Link", "x=\"" IN "/open <", SAME },
	{ IRJ, "Refresh", "5; url=" IN "/irj", "5; url=" S "/irj" },
	{ IRJ, "Refresh", "0;URL='" IN "/irj?a=b'", "0;URL='" S "/irj?a=b'" },
	{ IRJ, "Refresh", "0; url = \"" IN "/irj\" x",
	    "0; url = \"" S "/irj\" x" },
	{ IRJ, "Refresh", "0, " IN "/irj", "0, " S "/irj" },
	{ IRJ, "Refresh", "30", SAME },
	{ IRJ, "Refresh", "30;", SAME },
	{ IRJ, "Refresh", "1; url=", SAME },
	{ IRJ, "Refresh", "1; url=http://www.example.org/", SAME },
	{ REPORTS, "Refresh", "1; url=/crystal/reports/x",
	    "1; url=/reports/x" },
	{ REPORTS, "refresh", "1; URL=//10.1.0.11:50000/crystal/reports",
	    "1; URL=//portal.example.com/reports" },
	{ IRJ, "URI", "<" IN "/irj>", "<" S "/irj>" },
	{ IRJ, "URI", IN "/irj", S "/irj" },
	{ IRJ, "URI", "http://user@10.1.0.11:50000/irj", SAME },
	{ IRJ, "X-Link", "<" IN "/irj>", SAME },
};

static void
fields_are_mapped_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const struct field_case *c = &fields[i];
		const char *want = c->seen == SAME ? c->said : c->seen;
		struct client_facts who = { .https = true };
		struct mapping m =
		    fixture_mapping(c->route, &who, "portal.example.com");
		struct fields f = { 0 };
		struct arena a;

		arena_init(&a, 65536);
		assert_true(
		    fields_add(&f, slice_of(c->name), slice_of(c->said)));
		assert_true(url_fields_apply(&f, &m, &a));
		if (!slice_eq(f.v[0].value, slice_of(want)))
			fail_msg("%s: %s: got %.*s, want %s", c->name, c->said,
			    SLICE_FMT(f.v[0].value), want);
		fields_fini(&f);
		arena_fini(&a);
	}
}

struct vary_case {
	const char *first;
	const char *second; /* another field of that name, or NULL */
	const char *want;   /* of the first; NULL: as it was */
};

static const struct vary_case varies[] = {
	{ "Accept-Encoding", NULL, NULL },
	{ "Client-Cert", NULL, "*" },
	{ "Accept, client-cert-chain", NULL, "*" },
	{ "Accept", "Client-Cert", "*" },
	{ "Client-Certificate", NULL, NULL },
};

static void
vary_on_the_certificate_means_do_not_keep_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(varies); i++) {
		const struct vary_case *c = &varies[i];
		struct fields f = { 0 };

		assert_true(fields_add(&f, SLICE("Vary"), slice_of(c->first)));
		if (c->second != NULL)
			assert_true(
			    fields_add(&f, SLICE("vary"), slice_of(c->second)));
		client_cert_vary(&f);
		assert_true(slice_eq(f.v[0].value,
		    slice_of(c->want != NULL ? c->want : c->first)));
		if (c->second != NULL)
			assert_true(f.v[1].drop);
		fields_fini(&f);
	}
}

static void
short_memory_is_reported(void **state)
{
	struct client_facts who = { .https = true };
	struct mapping m = fixture_mapping(IRJ, &who, "portal.example.com");
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	assert_null(url_fields_link(&m, SLICE("<" IN "/x>"), &a).p);
	assert_null(url_fields_refresh(&m, SLICE("1;url=" IN "/x"), &a).p);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_mapped_as_the_table_says),
		cmocka_unit_test(vary_on_the_certificate_means_do_not_keep_it),
		cmocka_unit_test(short_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
