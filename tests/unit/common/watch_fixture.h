/*
 * A loop, and owners of watches who count what is reported to them.  For tests.
 */
#ifndef TESTS_UNIT_COMMON_WATCH_FIXTURE_H
#define TESTS_UNIT_COMMON_WATCH_FIXTURE_H

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "common/watch.h"

struct owner {
	struct watch watch;
	unsigned reports;
	unsigned last;    /* events of the last report */
	unsigned to_want; /* what to want from within the report */
	bool leave_wants; /* do not touch wants within the report */
	bool close_it;
	bool read_it;
	unsigned closed;
};

static uv_loop_t loop;
static unsigned turns;

static inline void
on_turn(uv_check_t *check)
{
	(void)check;
	turns++;
}

static inline void
on_time(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

/* Turns the loop for a while and counts how often it woke up. */
static inline unsigned
run_for(unsigned ms)
{
	uv_timer_t timer;
	uv_check_t check;

	turns = 0;
	uv_update_time(&loop);
	uv_timer_init(&loop, &timer);
	uv_timer_start(&timer, on_time, ms, 0);
	uv_check_init(&loop, &check);
	uv_check_start(&check, on_turn);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_close((uv_handle_t *)&check, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	return turns;
}

static inline void
on_closed(struct watch *w)
{
	container_of(w, struct owner, watch)->closed++;
}

static inline void
on_ready(struct watch *w, unsigned events)
{
	struct owner *o = container_of(w, struct owner, watch);
	char byte;

	o->reports++;
	o->last = events;
	if (o->read_it)
		while (read(w->fd, &byte, 1) > 0)
			;
	if (o->close_it)
		watch_close(w, on_closed);
	else if (!o->leave_wants)
		watch_want(w, o->to_want);
}

static inline void
open_owner(struct owner *o, int fd)
{
	memset(o, 0, sizeof(*o));
	assert_true(watch_open(&o->watch, &loop, fd, on_ready));
}

static inline void
close_owner(struct owner *o)
{
	watch_close(&o->watch, on_closed);
	assert_false(watch_is_open(&o->watch));
	assert_int_equal(o->closed, 0);
	run_for(1);
	assert_int_equal(o->closed, 1);
}

static inline void
unix_pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
}

/* Watches one end of a pair of sockets; returns the other. */
static inline int
open_pair(struct owner *o)
{
	int fd[2];

	unix_pair(fd);
	open_owner(o, fd[0]);
	return fd[1];
}

static inline int
watch_set_up(void **state)
{
	(void)state;
	return uv_loop_init(&loop);
}

/* Fails when a handle was left open. */
static inline int
watch_tear_down(void **state)
{
	(void)state;
	return uv_loop_close(&loop);
}

#define WATCH_TEST(f)                                                          \
	cmocka_unit_test_setup_teardown(f, watch_set_up, watch_tear_down)

#endif
