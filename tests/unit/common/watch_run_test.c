/*
 * Loops of watches: what turns them and what ends them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/common/watch_fixture.h"

struct visitor {
	struct owner owner;
	uv_timer_t timer;
	unsigned ticks;
	int peer;
};

/* A timer of libuv's that makes something happen on a watched socket. */
static void
on_tick(uv_timer_t *timer)
{
	struct visitor *v = container_of(timer, struct visitor, timer);

	if (++v->ticks < 3)
		assert_int_equal(write(v->peer, "x", 1), 1);
	else
		watch_stop(timer->loop);
}

static void
a_loop_of_watches_serves_timers_and_ends_when_stopped(void **state)
{
	struct visitor v = { 0 };
	int fd[2];

	(void)state;
	assert_true(watch_init(&loop));
	unix_pair(fd);
	open_owner(&v.owner, fd[0]);
	v.owner.to_want = WATCH_READ;
	v.owner.read_it = true;
	v.peer = fd[1];
	watch_want(&v.owner.watch, WATCH_READ);
	uv_timer_init(&loop, &v.timer);
	uv_timer_start(&v.timer, on_tick, 1, 5);
	watch_run(&loop);
	assert_int_equal(v.ticks, 3);
	assert_int_equal(v.owner.reports, 2);
	uv_close((uv_handle_t *)&v.timer, NULL);
	close_owner(&v.owner);
	close(fd[1]);
}

static bool
count_down(void *ctx)
{
	unsigned *left = ctx;

	if (--*left == 0)
		watch_stop(&loop);
	return true;
}

static void
a_stop_before_the_run_ends_it(void **state)
{
	(void)state;
	assert_true(watch_init(&loop));
	watch_stop(&loop);
	watch_run(&loop);
	run_for(1);
}

static void
who_has_more_to_do_is_not_kept_waiting(void **state)
{
	unsigned left = 100;

	(void)state;
	assert_true(watch_init(&loop));
	watch_each_turn(&loop, count_down, &left);
	watch_run(&loop); /* nothing else would end it */
	assert_int_equal(left, 0);
	run_for(1);
}

static void
on_ready_once(struct watch *w, unsigned events)
{
	struct owner *o = container_of(w, struct owner, watch);

	(void)events;
	o->reports++;
	watch_close(w, on_closed);
}

static void
on_time_to_stop(uv_timer_t *timer)
{
	watch_stop(timer->loop);
}

static void
a_watch_closed_in_the_loop_is_finished_in_the_loop(void **state)
{
	struct owner o = { 0 };
	uv_timer_t timer;
	int fd[2];

	(void)state;
	unix_pair(fd);
	assert_true(watch_open(&o.watch, &loop, fd[0], on_ready_once));
	watch_want(&o.watch, WATCH_READ);
	assert_int_equal(write(fd[1], "x", 1), 1);
	uv_timer_init(&loop, &timer);
	uv_timer_start(&timer, on_time_to_stop, 10, 0);
	watch_run(&loop);
	assert_int_equal(o.reports, 1);
	assert_int_equal(o.closed, 1);
	uv_close((uv_handle_t *)&timer, NULL);
	run_for(1);
	close(fd[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WATCH_TEST(
		    a_loop_of_watches_serves_timers_and_ends_when_stopped),
		WATCH_TEST(a_stop_before_the_run_ends_it),
		WATCH_TEST(who_has_more_to_do_is_not_kept_waiting),
		WATCH_TEST(a_watch_closed_in_the_loop_is_finished_in_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
