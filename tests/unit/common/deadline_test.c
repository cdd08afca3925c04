#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include "common/check.h"
#include "common/deadline.h"

struct owner {
	struct deadline deadline;
	uint64_t expired_ms; /* 0: not yet */
	unsigned times;
	uint64_t again_ms;   /* set again from within */
	struct owner *takes; /* finished from within */
};

static uv_loop_t loop;
static struct deadlines *wheel;
static uint64_t clock_ms = 1000000;

/* libuv's clock stands still but for run_for(): no test waits, or is late. */
int
clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	ts->tv_sec = (time_t)(clock_ms / 1000);
	ts->tv_nsec = (long)(clock_ms % 1000) * 1000000;
	return 0;
}

static void
on_expire(struct deadline *d)
{
	struct owner *o = container_of(d, struct owner, deadline);

	o->expired_ms = uv_now(&loop);
	o->times++;
	if (o->takes != NULL)
		deadline_fini(&o->takes->deadline);
	deadline_set(d, o->again_ms);
}

static void
init_owner(struct owner *o)
{
	memset(o, 0, sizeof(*o));
	deadline_init(&o->deadline, wheel, on_expire);
}

static void
run_for(unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		clock_ms++;
		uv_run(&loop, UV_RUN_NOWAIT);
	}
}

static void
never_early_and_at_most_two_ticks_late(void **state)
{
	static struct owner o[200];
	uint64_t dues[ARRAY_LEN(o)];

	(void)state;
	srand(2);
	for (size_t i = 0; i < ARRAY_LEN(o); i++) {
		init_owner(&o[i]);
		deadline_set(&o[i].deadline, 1 + (uint64_t)rand() % 400);
		dues[i] = o[i].deadline.due_ms;
	}
	for (size_t i = 0; i < ARRAY_LEN(o); i++) {
		while (o[i].times == 0)
			run_for(1);
		assert_true(o[i].expired_ms >= dues[i]);
		assert_true(o[i].expired_ms <= dues[i] + 2 * DEADLINE_TICK_MS);
		assert_false(deadline_is_set(&o[i].deadline));
		deadline_fini(&o[i].deadline);
	}
}

static void
the_last_set_counts(void **state)
{
	struct owner later, sooner, cleared, zero;

	(void)state;
	init_owner(&later);
	init_owner(&sooner);
	init_owner(&cleared);
	init_owner(&zero);
	deadline_set(&later.deadline, 50);
	deadline_set(&later.deadline, 300);
	deadline_set(&sooner.deadline, 100000);
	deadline_set(&sooner.deadline, 50);
	deadline_set(&cleared.deadline, 50);
	deadline_clear(&cleared.deadline);
	deadline_set(&zero.deadline, 50);
	deadline_set(&zero.deadline, 0);
	assert_true(deadline_is_set(&later.deadline));
	assert_false(deadline_is_set(&cleared.deadline));
	assert_false(deadline_is_set(&zero.deadline));
	run_for(220);
	assert_int_equal(later.times, 0);
	assert_int_equal(sooner.times, 1);
	run_for(240);
	assert_int_equal(later.times, 1);
	assert_int_equal(cleared.times, 0);
	assert_int_equal(zero.times, 0);
	deadline_fini(&later.deadline);
	deadline_fini(&sooner.deadline);
	deadline_fini(&cleared.deadline);
	deadline_fini(&zero.deadline);
}

static void
a_cleared_one_can_be_set_again_before_and_after_its_tick(void **state)
{
	struct owner o;

	(void)state;
	init_owner(&o);
	deadline_set(&o.deadline, 10);
	deadline_clear(&o.deadline);
	deadline_set(&o.deadline, 20);
	run_for(160);
	assert_int_equal(o.times, 1);
	deadline_set(&o.deadline, 10);
	deadline_clear(&o.deadline);
	run_for(160);
	assert_int_equal(o.times, 1);
	deadline_set(&o.deadline, 10);
	run_for(160);
	assert_int_equal(o.times, 2);
	deadline_fini(&o.deadline);
}

static void
may_be_set_again_when_it_expires(void **state)
{
	struct owner o;

	(void)state;
	init_owner(&o);
	o.again_ms = 1;
	deadline_set(&o.deadline, 1);
	run_for(400);
	assert_in_range(o.times, 3, 8);
	deadline_fini(&o.deadline);
}

static void
may_take_others_away_when_it_expires(void **state)
{
	struct owner o[3];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(o); i++) {
		init_owner(&o[i]);
		deadline_set(&o[i].deadline, 10);
	}
	/* the neighbours in the same list, last one included */
	o[0].takes = &o[2];
	run_for(160);
	assert_int_equal(o[0].times, 1);
	assert_int_equal(o[1].times, 1);
	assert_int_equal(o[2].times, 0);
	for (size_t i = 0; i < ARRAY_LEN(o); i++)
		deadline_fini(&o[i].deadline);
}

static void
further_away_than_the_wheel_is_long(void **state)
{
	struct owner far, near;

	(void)state;
	init_owner(&far);
	init_owner(&near);
	deadline_set(&far.deadline, 2 * 3600 * 1000);
	deadline_set(&near.deadline, 10);
	run_for(160);
	assert_int_equal(near.times, 1);
	/* turn by turn, and then many at once */
	for (int i = 0; i < 10; i++) {
		clock_ms += 30 * 1000;
		run_for(1);
	}
	clock_ms += 6890 * 1000;
	run_for(100);
	assert_int_equal(far.times, 0);
	assert_true(deadline_is_set(&far.deadline));
	clock_ms += 11 * 1000;
	run_for(160);
	assert_int_equal(far.times, 1);
	deadline_fini(&near.deadline);
	deadline_fini(&far.deadline);
}

static void
a_jump_of_the_clock_expires_all_that_is_due(void **state)
{
	struct owner o[60];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(o); i++) {
		init_owner(&o[i]);
		deadline_set(&o[i].deadline, 1 + i * 1000);
	}
	clock_ms += 1000 * 1000;
	run_for(160);
	for (size_t i = 0; i < ARRAY_LEN(o); i++) {
		assert_int_equal(o[i].times, 1);
		deadline_fini(&o[i].deadline);
	}
}

static void
the_timer_sleeps_when_nothing_is_set(void **state)
{
	struct owner o;

	(void)state;
	init_owner(&o);
	assert_false(uv_loop_alive(&loop));
	deadline_set(&o.deadline, 10);
	assert_true(uv_loop_alive(&loop));
	run_for(160);
	assert_int_equal(o.times, 1);
	assert_false(uv_loop_alive(&loop));
	deadline_fini(&o.deadline);
}

static void
the_timer_wakes_for_the_next_deadline_and_not_for_each_tick(void **state)
{
	struct owner o;

	(void)state;
	init_owner(&o);
	deadline_set(&o.deadline, 20000);
	run_for(1);
	assert_in_range(
	    uv_backend_timeout(&loop), 19999, 20000 + DEADLINE_TICK_MS);
	deadline_fini(&o.deadline);
}

static int
set_up(void **state)
{
	(void)state;
	if (uv_loop_init(&loop) != 0)
		return -1;
	wheel = deadlines_new(&loop);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	deadlines_free(wheel);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(never_early_and_at_most_two_ticks_late),
		TEST(the_last_set_counts),
		TEST(a_cleared_one_can_be_set_again_before_and_after_its_tick),
		TEST(may_be_set_again_when_it_expires),
		TEST(may_take_others_away_when_it_expires),
		TEST(further_away_than_the_wheel_is_long),
		TEST(a_jump_of_the_clock_expires_all_that_is_due),
		TEST(the_timer_sleeps_when_nothing_is_set),
		TEST(
		    the_timer_wakes_for_the_next_deadline_and_not_for_each_tick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
