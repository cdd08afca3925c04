/*
 * Longest prefix, segment borders, path mapping.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/route/prefix.h"

static char *root[] = { "/" };
static char *portal[] = { "/irj/portal", "/irj", "/logon" };
static char *deep[] = { "/irj/servlet/prt", "/static/" };
static struct route_conf routes[] = {
	{ .name = "root", .prefix = { .v = root, .n = 1 } },
	{ .name = "portal", .prefix = { .v = portal, .n = 3 } },
	{ .name = "deep", .prefix = { .v = deep, .n = 2 } },
};

static void
the_longest_prefix_wins_in_any_order(void **state)
{
	static const struct {
		const char *path;
		int route; /* -1: none, without the root route */
		const char *prefix;
	} t[] = { { "/irj", 1, "/irj" }, { "/irj/", 1, "/irj" },
		{ "/irj/x", 1, "/irj" }, { "/irj;a=b", 1, "/irj" },
		{ "/irj/portal", 1, "/irj/portal" },
		{ "/irj/portalx", 1, "/irj" },
		{ "/irj/servlet/prt/portal", 2, "/irj/servlet/prt" },
		{ "/logon", 1, "/logon" }, { "/logonx", -1, "" },
		{ "/irjx", -1, "" }, { "/", -1, "" }, { "/IRJ", -1, "" },
		{ "/static/", 2, "/static/" }, { "/static/a", 2, "/static/" },
		{ "/static", -1, "" } };
	struct site_conf all = { .route = routes, .n_route = 3 };
	struct site_conf without_root = { .route = routes + 1, .n_route = 2 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct slice prefix;
		struct slice path = slice_of(t[i].path);
		const struct route_conf *r;

		r = prefix_find(&without_root, path, &prefix);
		if (r != (t[i].route < 0 ? NULL : &routes[t[i].route]) ||
		    !slice_eq(prefix, slice_of(t[i].prefix)))
			fail_msg("%s: %s", t[i].path, r ? r->name : "none");
		r = prefix_find(&all, path, &prefix);
		assert_ptr_equal(r, &routes[t[i].route < 0 ? 0 : t[i].route]);
	}
}

static void
a_mapped_path_keeps_the_rest_byte_for_byte(void **state)
{
	static const struct {
		const char *prefix, *to, *raw, *want; /* NULL: ambiguous */
	} t[] = {
		{ "/reports", "/crystal/reports", "/reports/a%2Fb;x=1?q",
		    "/crystal/reports/a%2Fb;x=1?q" },
		{ "/reports", "/crystal/reports", "/reports",
		    "/crystal/reports" },
		{ "/reports", "/crystal/reports", "/reports;j=1",
		    "/crystal/reports;j=1" },
		{ "/reports/", "/crystal/", "/reports/x", "/crystal/x" },
		{ "/reports/", "/crystal", "/reports/x", "/crystal/x" },
		{ "/reports", "/", "/reports/x", "/x" },
		{ "/reports", "/", "/reports", "/" },
		{ "/reports", "/", "/reports?x", "/?x" },
		{ "/", "/app", "/x", "/app/x" },
		{ "/", "/app", "/", "/app/" },
		{ "/reports", "/crystal", "/%72eports/x", NULL },
		{ "/reports", "/crystal", "/./reports/x", NULL },
		{ "/reports", "/crystal", "//reports/x", NULL },
		/* would leave the mapped part again */
		{ "/p/q", "/a", "/p/q/../q/x", NULL },
		{ "/p/q", "/a", "/p/q/../../p/q/x", NULL },
		{ "/a", "/", "/a/../a/x", NULL },
		{ "/a", "/", "/a/./x", NULL },
		/* a doubled slash is one to servlet containers */
		{ "/a", "/b", "/a//x", "/b//x" },
		{ "/a", "/b", "/a/x//", "/b/x//" },
		{ "/", "/b", "//x", "/b//x" },
		{ "/a", "/b", "/a//../x", NULL },
		/* but "//evil" would be a host */
		{ "/a", "/", "/a//evil", "/evil" },
		{ "/a", "/b", "/a/", "/b/" },
		{ "/a", "/b", "/a/..x/.y", "/b/..x/.y" },
		{ "/reports", NULL, "/%72eports/x", "/%72eports/x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct route_conf r = { .to = (char *)(uintptr_t)t[i].to };
		struct arena a;
		struct slice got;

		arena_init(&a, 4096);
		got = prefix_map(
		    &r, slice_of(t[i].prefix), slice_of(t[i].raw), &a);
		if (t[i].want == NULL)
			assert_null(got.p);
		else if (!slice_eq(got, slice_of(t[i].want)))
			fail_msg("%s: %.*s", t[i].raw, SLICE_FMT(got));
		arena_fini(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_prefix_wins_in_any_order),
		cmocka_unit_test(a_mapped_path_keeps_the_rest_byte_for_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
