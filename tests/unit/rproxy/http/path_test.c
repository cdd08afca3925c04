/*
 * Paths as servlet containers read them, and the tricks to have them read in
 * two ways.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/check.h"
#include "rproxy/http/path.h"

#define AMBIGUOUS REASON_AMBIGUOUS_PATH
#define BAD REASON_BAD_TARGET

struct row {
	const char *path;
	const char *wanted;     /* NULL: refused */
	enum reason why;        /* encoded_slash = refuse */
	const char *if_passed;  /* with encoded_slash = pass; NULL: same */
	enum reason why_passed; /* if if_passed is NULL and why is not OK */
};

/* clang-format off */
static const struct row rows[] = {
	/* read alike by all */
	{ "/", "/", REASON_OK, NULL, 0 },
	{ "/irj/portal", "/irj/portal", REASON_OK, NULL, 0 },
	{ "/irj/", "/irj/", REASON_OK, NULL, 0 },
	{ "//irj", "/irj", REASON_OK, NULL, 0 },
	{ "/irj///portal", "/irj/portal", REASON_OK, NULL, 0 },
	{ "/irj//", "/irj/", REASON_OK, NULL, 0 },
	{ "/a/./b", "/a/b", REASON_OK, NULL, 0 },
	{ "/a/.", "/a/", REASON_OK, NULL, 0 },
	{ "/.", "/", REASON_OK, NULL, 0 },
	{ "/a/../b", "/b", REASON_OK, NULL, 0 },
	{ "/a/..", "/", REASON_OK, NULL, 0 },
	{ "/a/b/..", "/a/", REASON_OK, NULL, 0 },
	{ "/a/b/../../c/", "/c/", REASON_OK, NULL, 0 },
	/* RFC 3986 takes the empty segment away, who folds slashes takes a */
	{ "/a//../b", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/nwa//../irj/x", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "//../irj", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/;x/../b", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a//./b", "/a/b", REASON_OK, NULL, 0 },
	{ "/a//b/../c", "/a/c", REASON_OK, NULL, 0 },
	{ "/a/...", "/a/...", REASON_OK, NULL, 0 },
	{ "/.a/..b/c.", "/.a/..b/c.", REASON_OK, NULL, 0 },
	{ "/%69rj", "/irj", REASON_OK, NULL, 0 },
	{ "/a%20b", "/a b", REASON_OK, NULL, 0 },
	{ "/a+b", "/a+b", REASON_OK, NULL, 0 },
	{ "/caf%C3%A9", "/caf\xc3\xa9", REASON_OK, NULL, 0 },
	{ "/%C0lvaro", "/\xc0lvaro", REASON_OK, NULL, 0 },
	{ "/a%3Fb%23c", "/a?b#c", REASON_OK, NULL, 0 },
	{ "/100%25", "/100%", REASON_OK, NULL, 0 },
	{ "/a%252e%252e", "/a%2e%2e", REASON_OK, NULL, 0 },
	{ "/irj;jsessionid=A.b/portal", "/irj/portal", REASON_OK, NULL, 0 },
	{ "/irj;saplb_*=(J2EE6500)6501/portal;a;b", "/irj/portal", REASON_OK,
	    NULL, 0 },
	{ "/a;..", "/a", REASON_OK, NULL, 0 },
	{ "/;/admin", "/admin", REASON_OK, NULL, 0 },
	{ "/a/;x/b", "/a/b", REASON_OK, NULL, 0 },
	{ "/a%3Bb/c", "/a;b/c", REASON_OK, NULL, 0 },
	{ "/a.%3Bb", "/a.;b", REASON_OK, NULL, 0 },
	/* dot segments in disguise */
	{ "/nwa;x/../irj", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/nwa;x/y/../../irj", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/nwa%3Bx/../irj", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/../b;x/c", "/b/c", REASON_OK, NULL, 0 },
	{ "/a;x/./b", "/a/b", REASON_OK, NULL, 0 },
	{ "/a/..;/admin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/..;x/admin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/.;x/admin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/..;", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/%2e%2e/admin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/.%2E/admin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/%2e./admin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/%2e/admin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/%2e%2e;x/admin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/..%3Bx/admin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/.%3b/admin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/%c0%ae%c0%ae/admin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/%e0%80%ae/admin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/%f0%80%80%ae/admin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a%c0%afb", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	/* above the root */
	{ "/..", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/../a", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/../../b", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "//..", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	/* slashes in disguise */
	{ "/a%2Fb", NULL, AMBIGUOUS, "/a%2Fb", 0 },
	{ "/a%2fb/c", NULL, AMBIGUOUS, "/a%2Fb/c", 0 },
	{ "/a%5cb", NULL, AMBIGUOUS, "/a%5Cb", 0 },
	{ "/a;x=%2Fb/c", NULL, AMBIGUOUS, "/a/c", 0 },
	{ "/a%2F..%2Fadmin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a%2F..", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/..%2Fadmin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/..%5cadmin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a%2F%2e%2e%2Fadmin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a%2F..%3Bx", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a%2F...", NULL, AMBIGUOUS, "/a%2F...", 0 },
	{ "/a\\b", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a/..\\admin", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	/* controls */
	{ "/a%00", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a%00.jsp", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a%0d%0aX:y", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a%09b", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a%7fb", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	{ "/a;x=%00/b", NULL, AMBIGUOUS, NULL, AMBIGUOUS },
	/* escapes */
	{ "/%", NULL, BAD, NULL, BAD },
	{ "/%2", NULL, BAD, NULL, BAD },
	{ "/%2/a", NULL, BAD, NULL, BAD },
	{ "/%zz", NULL, BAD, NULL, BAD },
	{ "/%u002e", NULL, BAD, NULL, BAD },
	{ "/% 20", NULL, BAD, NULL, BAD },
	{ "/a;%/b", NULL, BAD, NULL, BAD },
	/* no path */
	{ "", NULL, BAD, NULL, BAD },
	{ "irj", NULL, BAD, NULL, BAD },
};
/* clang-format on */

static void
assert_path(const struct row *w, bool pass, const char *wanted, enum reason why)
{
	struct slice out = SLICE_NONE;
	struct arena a;

	arena_init(&a, 65536);
	assert_int_equal(
	    path_normalise(slice_of(w->path), pass, &a, &out), why);
	if (wanted != NULL)
		assert_true(slice_eq(out, slice_of(wanted)));
	arena_fini(&a);
}

static void
reads_paths_as_a_servlet_container_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_path(&rows[i], false, rows[i].wanted, rows[i].why);
}

static void
lets_encoded_slashes_pass_where_told_to(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *w = &rows[i];

		if (w->if_passed != NULL)
			assert_path(w, true, w->if_passed, REASON_OK);
		else if (w->wanted != NULL)
			assert_path(w, true, w->wanted, REASON_OK);
		else
			assert_path(w, true, NULL, w->why_passed);
	}
}

static void
says_when_the_arena_is_full(void **state)
{
	struct slice out;
	struct arena a;

	(void)state;
	arena_init(&a, 8);
	assert_int_equal(
	    path_normalise(SLICE("/012345678%39"), false, &a, &out),
	    REASON_NO_MEMORY);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_paths_as_a_servlet_container_does),
		cmocka_unit_test(lets_encoded_slashes_pass_where_told_to),
		cmocka_unit_test(says_when_the_arena_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
