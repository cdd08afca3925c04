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

/* The table is full, all wait for their clients; one came each ms. */
static int
set_up(void **state)
{
	(void)state;
	memset(h, 0, sizeof(h));
	handshakes_init(&all, AT_MOST);
	for (unsigned i = 0; i < ARRAY_LEN(h); i++)
		h[i].on_crowded_out = on_crowded_out;
	for (unsigned i = 0; i < AT_MOST; i++)
		handshakes_begin(&all, &h[i], i);
	crowded_out = NULL;
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
