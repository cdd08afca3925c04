/*
 * Routes of paths with encoded slashes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/request_path.h"

#define S(literal) ((char[]){ literal })

static char *strict[] = { S("/strict"), S("/") };
static char *lax[] = { S("/lax") };
static char *admin[] = { S("/lax/admin") };
static char *denied[] = { S("/lax/nwa") };
static struct route_conf routes[] = {
	{ .name = S("strict"), .prefix = { .v = strict, .n = 2 } },
	{ .name = S("lax"),
	    .prefix = { .v = lax, .n = 1 },
	    .encoded_slashes = ENCODED_SLASHES_PASS },
	{ .name = S("admin"),
	    .prefix = { .v = admin, .n = 1 },
	    .encoded_slashes = ENCODED_SLASHES_PASS },
};
static const struct site_conf site = {
	.route = routes,
	.n_route = ARRAY_LEN(routes),
	.http = { .deny = { .v = denied, .n = 1 } },
};

static const struct {
	const char *path;
	enum reason why;
	const char *route;
} cases[] = {
	{ "/lax/a", REASON_OK, "lax" },
	{ "/lax/a%2Fb", REASON_OK, "lax" },
	{ "/lax/a%2fb%5Cc", REASON_OK, "lax" },
	{ "/lax/a%2F%2Fb", REASON_OK, "lax" },
	{ "/strict/a%2Fb", REASON_AMBIGUOUS_PATH, NULL },
	{ "/other/a%2Fb", REASON_AMBIGUOUS_PATH, NULL },
	{ "/strict/a%252Fb", REASON_OK, "strict" },
	/* a container that decodes sees another route */
	{ "/lax%2Fa", REASON_AMBIGUOUS_PATH, NULL },
	{ "/lax/admin/x%2Fy", REASON_OK, "admin" },
	{ "/lax/admin%2Fx", REASON_AMBIGUOUS_PATH, NULL },
	{ "/lax%2Fadmin/x", REASON_AMBIGUOUS_PATH, NULL },
	{ "/lax/%2Fadmin", REASON_AMBIGUOUS_PATH, NULL },
	{ "/lax/x%2F..%2Fadmin", REASON_AMBIGUOUS_PATH, NULL },
	{ "/lax/..%2Fadmin", REASON_AMBIGUOUS_PATH, NULL },
	{ "/lax/%2e%2e%2Fadmin", REASON_AMBIGUOUS_PATH, NULL },
	{ "/lax/..;%2Fadmin", REASON_AMBIGUOUS_PATH, NULL },
	/* and one that may not be asked for */
	{ "/lax/nwa/x", REASON_DENIED, NULL },
	{ "/lax/nwa%2Fx", REASON_DENIED, NULL },
	{ "/lax/%2Fnwa", REASON_DENIED, NULL },
	{ "/lax%5Cnwa", REASON_DENIED, NULL },
	/* what is wrong for another reason stays wrong */
	{ "/lax/..;/a", REASON_AMBIGUOUS_PATH, NULL },
	{ "/lax/a\\b", REASON_AMBIGUOUS_PATH, NULL },
	{ "/lax/a%00", REASON_AMBIGUOUS_PATH, NULL },
	{ "/lax/a%zz", REASON_BAD_TARGET, NULL },
};

static enum reason
find(const char *path, struct request_plan *p, struct arena *a)
{
	enum reason why;

	*p = (struct request_plan){ .site = &site };
	p->target.path = slice_of(path);
	why = request_path_read(p, a);
	if (why == REASON_OK)
		why = request_path_check_rules(p);
	return why == REASON_OK ? request_path_find_route(p) : why;
}

static void
both_readings_must_have_the_same_route(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct request_plan p;
		struct arena a;

		arena_init(&a, 4096);
		if (find(cases[i].path, &p, &a) != cases[i].why)
			fail_msg("%s", cases[i].path);
		if (cases[i].route != NULL)
			assert_string_equal(p.route->name, cases[i].route);
		arena_fini(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_readings_must_have_the_same_route),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
