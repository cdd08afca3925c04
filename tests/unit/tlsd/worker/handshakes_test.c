#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "tlsd/worker/handshakes.h"

#define AT_MOST 3

#define HELLO_MS 100 /* for the first word */
#define ANSWER_MS 1000

static struct handshakes all;
static struct handshake h[AT_MOST + 1];
static const struct handshake *crowded_out;

static void
on_crowded_out(struct handshake *one)
{
	crowded_out = one;
	assert_true(handshakes_end(&all, one));
}

static const struct handshake *stepped[2 * HANDSHAKE_STEPS];
static unsigned n_stepped;

static void
on_step(struct handshake *one)
{
	stepped[n_stepped++] = one;
	if (one == &h[1]) /* a step may end the handshake */
		assert_true(handshakes_end(&all, one));
}

static const struct handshake_owner owner = {
	.on_step = on_step,
	.on_crowded_out = on_crowded_out,
};

static void
ignore_step(struct handshake *one)
{
	(void)one;
}

static const struct handshake_owner quiet_owner = {
	.on_step = ignore_step,
	.on_crowded_out = on_crowded_out,
};

/* The table is full, all wait for their clients; one came each ms. */
static int
set_up(void **state)
{
	(void)state;
	memset(h, 0, sizeof(h));
	handshakes_init(&all, AT_MOST);
	for (unsigned i = 0; i < ARRAY_LEN(h); i++)
		h[i].owner = &owner;
	for (unsigned i = 0; i < AT_MOST; i++)
		handshakes_begin(&all, &h[i], i);
	crowded_out = NULL;
	n_stepped = 0;
	return 0;
}

static void
nobody_goes_while_there_is_room(void **state)
{
	(void)state;
	assert_true(handshakes_end(&all, &h[1]));
	assert_int_equal(handshakes_room_in_ms(&all, HELLO_MS), 0);
	handshakes_make_room(&all, HELLO_MS);
	assert_null(crowded_out);
}

static void
nobody_goes_who_has_just_come(void **state)
{
	(void)state;
	assert_int_equal(handshakes_room_in_ms(&all, 2), HELLO_MS - 2);
	handshakes_make_room(&all, HELLO_MS - 1);
	assert_null(crowded_out);
	assert_int_equal(handshakes_room_in_ms(&all, HELLO_MS), 0);
	handshakes_make_room(&all, HELLO_MS);
	assert_ptr_equal(crowded_out, &h[0]);
}

static void
the_longest_silent_client_goes_first(void **state)
{
	(void)state;
	handshakes_turn(&all, &h[0], HANDSHAKE_CLIENT, 50);
	handshakes_make_room(&all, 2 * HELLO_MS);
	assert_ptr_equal(crowded_out, &h[1]);
	handshakes_begin(&all, &h[3], 2 * HELLO_MS);
	handshakes_make_room(&all, 2 * HELLO_MS);
	assert_ptr_equal(crowded_out, &h[2]);
}

static void
an_answer_may_take_longer_than_the_first_word(void **state)
{
	(void)state;
	for (unsigned i = 0; i < AT_MOST; i++)
		handshakes_turn(&all, &h[i], HANDSHAKE_CLIENT, 50);
	assert_int_not_equal(handshakes_room_in_ms(&all, 50 + HELLO_MS), 0);
	handshakes_make_room(&all, 50 + ANSWER_MS - 1);
	assert_null(crowded_out);
	assert_int_equal(handshakes_room_in_ms(&all, 50 + ANSWER_MS), 0);
	handshakes_make_room(&all, 50 + ANSWER_MS);
	assert_ptr_equal(crowded_out, &h[0]);
}

static void
who_waits_for_the_signer_stays(void **state)
{
	(void)state;
	handshakes_turn(&all, &h[0], HANDSHAKE_SIGNER, 50);
	handshakes_make_room(&all, 2 * HELLO_MS);
	assert_ptr_equal(crowded_out, &h[1]);
}

static void
when_all_wait_for_the_signer_there_is_no_room(void **state)
{
	(void)state;
	for (unsigned i = 0; i < AT_MOST; i++)
		handshakes_turn(&all, &h[i], HANDSHAKE_SIGNER, 50);
	/* but it is worth to ask again */
	assert_in_range(
	    handshakes_room_in_ms(&all, 100 * ANSWER_MS), 1, ANSWER_MS);
	handshakes_make_room(&all, 100 * ANSWER_MS);
	assert_null(crowded_out);
	assert_true(handshakes_end(&all, &h[2]));
	assert_int_equal(handshakes_room_in_ms(&all, 100 * ANSWER_MS), 0);
}

static void
ends_once(void **state)
{
	(void)state;
	assert_true(handshakes_end(&all, &h[0]));
	assert_false(handshakes_end(&all, &h[0]));
	handshakes_turn(&all, &h[0], HANDSHAKE_CLIENT, 50);
	assert_int_equal(all.n, AT_MOST - 1);
}

static void
steps_come_in_the_order_of_asking_and_once(void **state)
{
	(void)state;
	handshakes_want_step(&all, &h[2]);
	handshakes_want_step(&all, &h[1]);
	handshakes_want_step(&all, &h[2]);
	assert_false(handshakes_step(&all));
	assert_int_equal(n_stepped, 2);
	assert_ptr_equal(stepped[0], &h[2]);
	assert_ptr_equal(stepped[1], &h[1]);
	assert_false(handshakes_step(&all));
	assert_int_equal(n_stepped, 2);
}

static void
after_some_steps_the_others_have_a_turn(void **state)
{
	static struct handshake many[HANDSHAKE_STEPS + 1];

	(void)state;
	memset(many, 0, sizeof(many));
	handshakes_init(&all, 1000);
	for (unsigned i = 0; i < ARRAY_LEN(many); i++) {
		many[i].owner = &owner;
		handshakes_begin(&all, &many[i], 1);
		handshakes_want_step(&all, &many[i]);
	}
	assert_true(handshakes_step(&all));
	assert_int_equal(n_stepped, HANDSHAKE_STEPS);
	assert_false(handshakes_step(&all));
	assert_int_equal(n_stepped, HANDSHAKE_STEPS + 1);
}

static void
who_waits_for_a_step_is_not_silent(void **state)
{
	(void)state;
	for (unsigned i = 0; i < AT_MOST; i++)
		handshakes_want_step(&all, &h[i]);
	handshakes_make_room(&all, 1000000);
	assert_null(crowded_out);
}

static void
who_drips_bytes_is_as_old_as_he_is(void **state)
{
	(void)state;
	for (unsigned i = 0; i < AT_MOST; i++) {
		handshakes_want_step(&all, &h[i]);
		handshakes_turn(&all, &h[i], HANDSHAKE_HELLO, 5000);
	}
	h[1].owner = &quiet_owner;
	(void)handshakes_step(&all);
	assert_int_equal(handshakes_room_in_ms(&all, 5000), 0);
}

static void
one_that_has_ended_makes_no_step(void **state)
{
	(void)state;
	handshakes_want_step(&all, &h[0]);
	assert_true(handshakes_end(&all, &h[0]));
	handshakes_want_step(&all, &h[0]);
	assert_false(handshakes_step(&all));
	assert_int_equal(n_stepped, 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup(name, set_up)
	const struct CMUnitTest tests[] = {
		T(nobody_goes_while_there_is_room),
		T(nobody_goes_who_has_just_come),
		T(the_longest_silent_client_goes_first),
		T(an_answer_may_take_longer_than_the_first_word),
		T(who_waits_for_the_signer_stays),
		T(when_all_wait_for_the_signer_there_is_no_room),
		T(ends_once),
		T(steps_come_in_the_order_of_asking_and_once),
		T(after_some_steps_the_others_have_a_turn),
		T(who_waits_for_a_step_is_not_silent),
		T(who_drips_bytes_is_as_old_as_he_is),
		T(one_that_has_ended_makes_no_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
