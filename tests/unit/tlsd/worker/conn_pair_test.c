/*
 * conn_pair.c on a real loop with socket pairs; the owner is this file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/check.h"
#include "tlsd/worker/conn_pair.h"

struct fixture {
	struct worker worker;
	struct conn_pair pair;
	unsigned n_events;
	unsigned n_gone;
	unsigned secure_ready; /* at the last event */
	unsigned plain_ready;
	int client; /* the other ends */
	int rproxy;
};

static void
on_event(struct conn_pair *p)
{
	struct fixture *f = container_of(p, struct fixture, pair);

	f->n_events++;
	f->secure_ready = p->secure_ready;
	f->plain_ready = p->plain_ready;
	p->secure_ready = p->plain_ready = 0;
	watch_want(&p->secure, 0);
	watch_want(&p->plain, 0);
}

static void
on_gone(struct conn_pair *p)
{
	container_of(p, struct fixture, pair)->n_gone++;
}

static const struct conn_pair_owner owner = {
	.on_event = on_event,
	.on_gone = on_gone,
};

static int
new_socket(int *other)
{
	int fds[2];

	assert_int_equal(
	    socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
	    0);
	*other = fds[1];
	return fds[0];
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	uv_loop_init(&f->worker.loop);
	f->worker.deadlines = deadlines_new(&f->worker.loop);
	conn_pair_init(&f->pair, &f->worker, &owner);
	assert_true(conn_pair_open_secure(&f->pair, new_socket(&f->client)));
	assert_true(conn_pair_open_plain(&f->pair, new_socket(&f->rproxy)));
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->pair.n_handles > 0)
		conn_pair_close(&f->pair);
	deadlines_free(f->worker.deadlines);
	uv_run(&f->worker.loop, UV_RUN_DEFAULT);
	assert_int_equal(0, uv_loop_close(&f->worker.loop));
	assert_int_equal(1, f->n_gone);
	close(f->client);
	close(f->rproxy);
	free(f);
	return 0;
}

static void
turn_until_events(struct fixture *f, unsigned n)
{
	while (f->n_events < n) {
		uv_run(&f->worker.loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
}

static bool
is_ended(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void
notes_which_side_is_ready_for_what(void **state)
{
	struct fixture *f = *state;

	watch_want(&f->pair.secure, WATCH_READ);
	assert_int_equal(1, write(f->client, "c", 1));
	turn_until_events(f, 1);
	assert_int_equal(WATCH_READ, f->secure_ready);
	assert_int_equal(0, f->plain_ready);

	watch_want(&f->pair.plain, WATCH_WRITE);
	turn_until_events(f, 2);
	assert_int_equal(0, f->secure_ready);
	assert_int_equal(WATCH_WRITE, f->plain_ready);
}

static void
tells_the_relay_how_rproxy_has_ended(void **state)
{
	struct fixture *f = *state;

	watch_want(&f->pair.plain, WATCH_READ);
	assert_int_equal(0, shutdown(f->rproxy, SHUT_WR));
	turn_until_events(f, 1);
	assert_int_equal(WATCH_HALF_CLOSED, f->pair.relay.backend_end);
}

static void
notes_that_the_deadline_has_passed(void **state)
{
	struct fixture *f = *state;

	deadline_set(&f->pair.deadline, 1);
	turn_until_events(f, 1);
	assert_true(f->pair.is_expired);
}

static void
another_may_follow_one_that_is_closed(void **state)
{
	struct fixture *f = *state;

	conn_pair_close_plain(&f->pair);
	assert_true(is_ended(f->rproxy));
	assert_int_equal(0, f->n_events);
	assert_int_equal(2, f->pair.n_handles);
	turn_until_events(f, 1);
	assert_int_equal(1, f->pair.n_handles);
	assert_int_equal(0, f->n_gone);

	close(f->rproxy);
	assert_true(conn_pair_open_plain(&f->pair, new_socket(&f->rproxy)));
	watch_want(&f->pair.plain, WATCH_READ);
	assert_int_equal(1, write(f->rproxy, "r", 1));
	turn_until_events(f, 2);
	assert_int_equal(WATCH_READ, f->plain_ready);
}

static void
is_gone_once_and_after_both(void **state)
{
	struct fixture *f = *state;

	deadline_set(&f->pair.deadline, 1);
	conn_pair_close(&f->pair);
	assert_true(is_ended(f->client));
	assert_true(is_ended(f->rproxy));
	assert_int_equal(0, f->n_gone);
	uv_run(&f->worker.loop, UV_RUN_DEFAULT);
	assert_int_equal(1, f->n_gone);
	assert_int_equal(0, f->pair.n_handles);
	assert_false(f->pair.is_expired);
}

static void
is_gone_when_only_one_had_been_open(void **state)
{
	struct fixture *f = *state;

	conn_pair_close_secure(&f->pair);
	turn_until_events(f, 1);
	conn_pair_close(&f->pair);
	uv_run(&f->worker.loop, UV_RUN_DEFAULT);
	assert_int_equal(1, f->n_gone);
}

static void
what_cannot_be_watched_stays_with_the_caller(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/conn_pair_test.XXXXXX";
	int fd = mkstemp(path);

	unlink(path);
	conn_pair_close_plain(&f->pair);
	turn_until_events(f, 1);
	assert_false(conn_pair_open_plain(&f->pair, fd));
	assert_int_equal(1, f->pair.n_handles);
	assert_int_equal(0, close(fd));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(notes_which_side_is_ready_for_what),
		TEST(tells_the_relay_how_rproxy_has_ended),
		TEST(notes_that_the_deadline_has_passed),
		TEST(another_may_follow_one_that_is_closed),
		TEST(is_gone_once_and_after_both),
		TEST(is_gone_when_only_one_had_been_open),
		TEST(what_cannot_be_watched_stays_with_the_caller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
