/*
 * Prefixes at segment borders, and what an exchange must not make of a path.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/http/path_prefix.h"

static void
matches_at_segment_borders(void **state)
{
	static const struct {
		const char *prefix, *path;
		bool matches;
	} t[] = { { "/irj", "/irj", true }, { "/irj", "/irj/", true },
		{ "/irj", "/irj/x", true }, { "/irj", "/irj;a", true },
		{ "/irj", "/irj?a", true }, { "/irj", "/irj#a", true },
		{ "/irj", "/irjx", false }, { "/irj", "/ir", false },
		{ "/irj/", "/irj/x", true }, { "/irj/", "/irj", false },
		{ "/", "/x", true }, { "", "/x", true }, { "", "x", false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		if (path_prefix_matches(slice_of(t[i].prefix),
			slice_of(t[i].path)) != t[i].matches)
			fail_msg("%s %s", t[i].prefix, t[i].path);
	}
}

static void
a_path_with_dot_segments_is_not_plain(void **state)
{
	static const struct {
		const char *path;
		bool plain;
	} t[] = { { "/", true }, { "/a", true }, { "/a/", true },
		{ "/a/b", true }, { "/a.b/..c", true }, { "/a//b", true },
		{ "//a", true }, { "/a//", true }, { "/a/./b", false },
		{ "/a/../b", false }, { "/a/..", false }, { "/.", false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		if (path_prefix_is_plain(slice_of(t[i].path)) != t[i].plain)
			fail_msg("%s", t[i].path);
	}
}

static void
an_exchange_never_names_a_host(void **state)
{
	static const struct {
		const char *from, *to, *path, *want;
	} t[] = {
		{ "/inner", "/", "/inner/x", "/x" },
		{ "/inner", "/", "/inner", "/" },
		{ "/inner", "/", "/inner//evil.com/x", "/evil.com/x" },
		{ "/inner", "/", "/inner///evil.com", "/evil.com" },
		{ "/inner", "/", "/inner/\\evil.com", "/evil.com" },
		{ "/inner", "/", "/inner/\\/\\evil.com", "/evil.com" },
		{ "/inner", "/", "/inner/\t/evil.com", "/evil.com" },
		{ "/inner", "/", "/inner\t/\t\\\tevil.com", "/evil.com" },
		{ "/inner", "/", "/inner/\tx", "/x" },
		{ "/inner", "/out", "/inner//x", "/out//x" },
		{ "/inner/", "/out/", "/inner/x", "/out/x" },
		{ "/", "/app", "/x", "/app/x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct arena a;
		struct slice got;

		arena_init(&a, 4096);
		got = path_prefix_replace(slice_of(t[i].from),
		    slice_of(t[i].to), slice_of(t[i].path), &a);
		if (!slice_eq(got, slice_of(t[i].want)))
			fail_msg("%s: %.*s", t[i].path, SLICE_FMT(got));
		arena_fini(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_at_segment_borders),
		cmocka_unit_test(a_path_with_dot_segments_is_not_plain),
		cmocka_unit_test(an_exchange_never_names_a_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
