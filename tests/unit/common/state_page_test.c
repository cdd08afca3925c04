#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/state_page.h"

static void
count(void *state, uint64_t keep_ms, uint64_t now_ms)
{
	*(uint64_t *)state += keep_ms + now_ms;
}

static const struct state_desc desc = {
	.version = 1, .len_bytes = 64, .turn = count
};

static uint64_t
read_child(const struct state_desc *d, const struct state_page *p)
{
	const uint64_t *state =
	    state_page_map("demo", d, dup(state_page_reader_fd(p)));

	assert_non_null(state);
	return *state;
}

static void
is_the_same_memory_for_master_and_children(void **state)
{
	struct state_page *p = state_page_new("demo", &desc);

	(void)state;
	assert_int_equal(read_child(&desc, p), 0);
	state_page_turn(p, 0, 5);
	state_page_turn(p, 2, 4);
	assert_int_equal(read_child(&desc, p), 11);
	state_page_free(p);
}

static void
goes_on_where_the_last_master_stopped(void **state)
{
	struct state_page *p = state_page_new("demo", &desc);
	int fd = dup(state_page_fd(p));

	(void)state;
	state_page_turn(p, 0, 5);
	assert_int_equal(state_page_next_generation(p), 1);
	assert_int_equal(state_page_next_generation(p), 2);
	state_page_free(p);
	p = state_page_adopt("demo", &desc, fd);
	assert_non_null(p);
	assert_int_equal(state_page_next_generation(p), 3);
	assert_int_equal(read_child(&desc, p), 5);
	state_page_free(p);
}

/* A page made like this, taken for one that is described by desc. */
static void
assert_refused(const char *daemon, struct state_desc made)
{
	struct state_page *p = state_page_new(daemon, &made);

	assert_null(state_page_adopt("demo", &desc, dup(state_page_fd(p))));
	assert_null(
	    state_page_map("demo", &desc, dup(state_page_reader_fd(p))));
	state_page_free(p);
}

static void
refuses_a_page_of_another_daemon_version_or_length(void **state)
{
	struct state_desc other = desc;
	int ends[2];

	(void)state;
	assert_refused("demon", desc);
	other.version = 2;
	assert_refused("demo", other);
	other.version = 1;
	other.len_bytes = 128;
	assert_refused("demo", other);
	assert_int_equal(pipe(ends), 0);
	assert_null(state_page_adopt("demo", &desc, ends[0]));
	assert_int_equal(fcntl(ends[0], F_GETFD), -1);
	close(ends[1]);
}

static bool
may_write(int fd)
{
	void *map = mmap(NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return false;
	munmap(map, 64);
	return true;
}

static void
lets_only_those_write_who_are_to(void **state)
{
	struct state_page *p = state_page_new("demo", &desc);
	uint64_t *writer;

	(void)state;
	assert_true(may_write(state_page_fd(p)));
	assert_false(may_write(state_page_reader_fd(p)));
	assert_int_equal(ftruncate(state_page_fd(p), 0), -1);
	writer = state_page_map("demo", &desc, dup(state_page_fd(p)));
	assert_non_null(writer);
	*writer = 7;
	assert_int_equal(read_child(&desc, p), 7);
	state_page_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_the_same_memory_for_master_and_children),
		cmocka_unit_test(goes_on_where_the_last_master_stopped),
		cmocka_unit_test(
		    refuses_a_page_of_another_daemon_version_or_length),
		cmocka_unit_test(lets_only_those_write_who_are_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
