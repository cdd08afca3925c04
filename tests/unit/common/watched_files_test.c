#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/bundle.h"
#include "common/watched_files.h"

static char dir[] = "/tmp/watched-test-XXXXXX";
static char path_a[64], path_b[64];
static char *paths[] = { path_a, path_b };

static void
write_file(const char *path, const char *text)
{
	char fresh[80];
	FILE *f;

	/* renamed into place, as good tools do */
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	f = fopen(fresh, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(rename(fresh, path), 0);
}

/* NULL: not there. */
static const char *
held(const struct watched_files *w, const char *path)
{
	static char text[64];
	struct bundle *b = bundle_open(dup(watched_files_fd(w)));
	struct slice s;
	bool found;

	assert_non_null(b);
	found = bundle_find(b, path, &s);
	if (found)
		snprintf(text, sizeof(text), "%.*s", SLICE_FMT(s));
	bundle_free(b);
	return found ? text : NULL;
}

static void
on_change(void *ctx)
{
	++*(unsigned *)ctx;
}

static void
wait_for_change(uv_loop_t *loop, const unsigned *n, unsigned want)
{
	for (unsigned i = 0; i < 1000 && *n < want; i++)
		uv_run(loop, UV_RUN_ONCE);
	assert_int_equal(*n, want);
}

static void
hands_on_what_is_there_and_what_changes(void **state)
{
	struct watched_files *w;
	struct deadlines *wheel;
	uv_loop_t loop;
	unsigned n = 0;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	wheel = deadlines_new(&loop);
	write_file(path_a, "one");
	w = watched_files_new(wheel, paths, 2, on_change, &n);
	assert_string_equal(held(w, path_a), "one");
	assert_null(held(w, path_b));
	assert_int_equal(n, 0);

	write_file(path_a, "two");
	write_file(path_b, "three");
	wait_for_change(&loop, &n, 1);
	assert_string_equal(held(w, path_a), "two");
	assert_string_equal(held(w, path_b), "three");

	unlink(path_a);
	wait_for_change(&loop, &n, 2);
	assert_null(held(w, path_a));
	assert_string_equal(held(w, path_b), "three");

	watched_files_free(w);
	deadlines_free(wheel);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path_a, sizeof(path_a), "%s/a", dir);
	snprintf(path_b, sizeof(path_b), "%s/b", dir);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(path_a);
	unlink(path_b);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hands_on_what_is_there_and_what_changes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
