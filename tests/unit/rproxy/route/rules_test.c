/*
 * Rules on paths: who passes, what is hit, what becomes of what was caught.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/mem.h"
#include "rproxy/route/pattern.h"
#include "rproxy/route/rules.h"

static char *denied[] = { "/nwa", "/ctc/" };
static char *allowed[] = { "/irj", "/logon" };

struct pass_case {
	const char *path;
	bool with_deny;
	bool with_both;
};

static const struct pass_case passes[] = {
	{ "/irj", true, true },
	{ "/irj/portal", true, true },
	{ "/irjx", true, false },
	{ "/logon/x", true, true },
	{ "/IRJ", true, false },
	{ "/other", true, false },
	{ "/nwa", false, false },
	{ "/nwa/x", false, false },
	{ "/NWA/x", false, false },
	{ "/nwax", true, false },
	{ "/n", true, false },
	{ "/ctc/x", false, false },
	{ "/ctc", true, false },
	{ "/", true, false },
};

static void
deny_wins_over_allow_at_segment_borders(void **state)
{
	const struct http_conf deny = { .deny = { .v = denied, .n = 2 } };
	const struct http_conf both = { .deny = { .v = denied, .n = 2 },
		.allow = { .v = allowed, .n = 2 } };
	const struct http_conf none = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(passes); i++) {
		struct slice path = slice_of(passes[i].path);

		assert_true(rules_may_pass(&none, path));
		if (rules_may_pass(&deny, path) != passes[i].with_deny ||
		    rules_may_pass(&both, path) != passes[i].with_both)
			fail_msg("%s", passes[i].path);
	}
}

struct rule_case {
	const char *from; /* '~' in front: an expression */
	const char *to;
	const char *path;
	const char *want; /* NULL: no hit */
};

static const struct rule_case rules[] = {
	{ "/old", "/new", "/old", "/new" },
	{ "/old", "/new", "/old/", NULL },
	{ "/old", "/new", "/OLD", NULL },
	{ "/a", "$0/b$$", "/a", "/a/b$" },
	{ "~^/x/(.*)$", "/y/$1", "/x/1/2", "/y/1/2" },
	{ "~^/x/(.*)$", "/y/$1", "/z/x/1", NULL },
	{ "~^/x/(.*)$", "https://www.example.org/$1?from=x", "/x/1",
	    "https://www.example.org/1?from=x" },
	{ "~(?i)^/doc([0-9]+)\\.html$", "/docs?id=$1", "/DOC12.html",
	    "/docs?id=12" },
	{ "~^/(a)?(b)?$", "/$2-$1", "/b", "/b-" },
	{ "~^/(a)(b)$", "/$2$1$0", "/ab", "/ba/ab" },
	/* what a client chose never becomes syntax */
	{ "~^/x/(.*)$", "/y/$1", "/x/a?b#c", "/y/a%3Fb%23c" },
	{ "~^/x/(.*)$", "/y/$1", "/x/a;b c%", "/y/a%3Bb%20c%25" },
	{ "~^/x/(.*)$", "/y/$1", "/x/\xc3\xbc", "/y/%C3%BC" },
	{ "~^/x/(.*)$", "/y/$1", "/x/\r\"<a>", "/y/%0D%22%3Ca%3E" },
	{ "~^/x/(.*)$", "/y/$1", "/x/$2", "/y/$2" },
	{ "~^/x/(.*)$", "/y?id=$1", "/x/7&admin=1", "/y?id=7%26admin=1" },
	{ "~^/x/(.*)$", "/y?id=$1&z=$1", "/x/a+b&",
	    "/y?id=a%2Bb%26&z=a%2Bb%26" },
	{ "~^/x/(.*)$", "/y/$1?a=b&$1", "/x/c&d", "/y/c&d?a=b&c&d" },
	{ "~^/x/(.*)$", "/y?$1", "/x/a=b&c=d", "/y?a=b&c=d" },
	{ "~^/x/(.*)$", "/y=$1", "/x/a&b", "/y=a&b" },
};

static void
targets_are_made_as_the_table_says(void **state)
{
	char error[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const struct rule_case *c = &rules[i];
		const char *from = c->from[0] == '~' ? c->from + 1 : c->from;
		char *from_copy = slice_dup(slice_of(from));
		char *to_copy = slice_dup(slice_of(c->to));
		struct rule_conf rule = {
			.is_pattern = c->from[0] == '~',
			.from = from_copy,
			.to = to_copy,
		};
		const struct rule_list list = { &rule, 1 };
		const struct rule_conf *hit;
		struct slice target = SLICE_NONE;
		struct arena a;

		arena_init(&a, 4096);
		if (rule.is_pattern)
			rule.pattern = pattern_new(from, error, sizeof(error));
		assert_int_equal(rules_find(&list, slice_of(c->path), false, &a,
				     &hit, &target),
		    REASON_OK);
		if ((hit != NULL) != (c->want != NULL) ||
		    (hit != NULL && !slice_eq(target, slice_of(c->want))))
			fail_msg("%s: %s: got %.*s", c->from, c->path,
			    SLICE_FMT(target));
		pattern_free(rule.pattern);
		mem_free(from_copy);
		mem_free(to_copy);
		arena_fini(&a);
	}
}

static void
the_first_rule_that_covers_wins(void **state)
{
	struct rule_conf v[] = {
		{ .from = "/b", .to = "/1" },
		{ .from = "/a", .to = "/2" },
		{ .from = "/a", .to = "/3" },
	};
	const struct rule_list list = { v, 3 };
	const struct rule_conf *hit;
	struct slice target;
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	assert_int_equal(
	    rules_find(&list, SLICE("/a"), false, &a, &hit, &target),
	    REASON_OK);
	assert_ptr_equal(hit, &v[1]);
	arena_fini(&a);
}

static void
short_memory_is_reported(void **state)
{
	struct rule_conf rule = { .from = "/a", .to = "/b" };
	const struct rule_list list = { &rule, 1 };
	const struct rule_conf *hit;
	struct slice target;
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	assert_int_equal(
	    rules_find(&list, SLICE("/a"), false, &a, &hit, &target),
	    REASON_NO_MEMORY);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deny_wins_over_allow_at_segment_borders),
		cmocka_unit_test(targets_are_made_as_the_table_says),
		cmocka_unit_test(the_first_rule_that_covers_wins),
		cmocka_unit_test(short_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
