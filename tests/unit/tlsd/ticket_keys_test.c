#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "tlsd/ticket_keys.h"

#define LIFETIME_MS (UINT64_C(3600) * 1000)
#define START_MS UINT64_C(1000)

static _Alignas(16) char page_bytes[64 * 1024];
static struct ticket_keys keys;

static int
with_page(void **state)
{
	(void)state;
	assert_true(ticket_state.len_bytes <= sizeof(page_bytes));
	memset(page_bytes, 0, sizeof(page_bytes));
	keys =
	    (struct ticket_keys){ .page =
				      (const struct ticket_page *)page_bytes };
	return 0;
}

static void
turn(uint64_t now_ms)
{
	ticket_state.turn(page_bytes, LIFETIME_MS, now_ms);
}

static void
has_no_key_before_the_first_turn(void **state)
{
	static const unsigned char none[TICKET_KEY_BYTES];

	(void)state;
	assert_null(ticket_keys_newest(&keys));
	assert_null(ticket_keys_find(&keys, none));
	turn(START_MS);
	assert_memory_not_equal(
	    ticket_keys_newest(&keys), none, TICKET_KEY_BYTES);
	assert_null(ticket_keys_find(&keys, none));
}

static void
makes_a_new_key_when_it_is_time_and_keeps_the_old_one_for_a_while(void **state)
{
	unsigned char first[TICKET_KEY_BYTES];

	(void)state;
	turn(START_MS);
	memcpy(first, ticket_keys_newest(&keys), sizeof(first));
	turn(START_MS + TICKET_ROTATE_MS - 1);
	assert_memory_equal(ticket_keys_newest(&keys), first, sizeof(first));
	turn(START_MS + TICKET_ROTATE_MS);
	assert_memory_not_equal(
	    ticket_keys_newest(&keys), first, sizeof(first));
	turn(START_MS + TICKET_ROTATE_MS + LIFETIME_MS - 1);
	assert_memory_equal(
	    ticket_keys_find(&keys, first), first, sizeof(first));
	turn(START_MS + TICKET_ROTATE_MS + LIFETIME_MS);
	assert_null(ticket_keys_find(&keys, first));
	/* gone from memory, too */
	assert_null(memmem(page_bytes, sizeof(page_bytes), first + 16, 32));
}

static void
has_room_for_the_longest_lifetime(void **state)
{
	unsigned char first[TICKET_KEY_BYTES];
	uint64_t now_ms = START_MS;

	(void)state;
	turn(now_ms);
	memcpy(first, ticket_keys_newest(&keys), sizeof(first));
	while (now_ms < START_MS + TICKET_ROTATE_MS + TICKET_MAX_LIFETIME_MS) {
		assert_non_null(ticket_keys_find(&keys, first));
		now_ms += TICKET_ROTATE_MS;
		ticket_state.turn(page_bytes, TICKET_MAX_LIFETIME_MS, now_ms);
	}
	assert_null(ticket_keys_find(&keys, first));
}

static void
takes_the_first_key_of_a_file_and_knows_the_others(void **state)
{
	char file[3 * TICKET_KEY_BYTES];

	(void)state;
	turn(START_MS);
	memset(file, 'a', TICKET_KEY_BYTES);
	memset(file + TICKET_KEY_BYTES, 'b', TICKET_KEY_BYTES);
	memset(file + 2 * TICKET_KEY_BYTES, 'c', TICKET_KEY_BYTES);
	keys.file = (struct slice){ file, sizeof(file) };
	assert_ptr_equal(ticket_keys_newest(&keys), file);
	assert_ptr_equal(
	    ticket_keys_find(&keys, (const unsigned char *)"cccccccccccccccc"),
	    file + 2 * TICKET_KEY_BYTES);
	assert_null(
	    ticket_keys_find(&keys, (const unsigned char *)"dddddddddddddddd"));
}

static void
refuses_files_of_another_form(void **state)
{
	static char file[65 * TICKET_KEY_BYTES];
	const char *error = NULL;

	(void)state;
	for (size_t i = 0; i < 65; i++)
		file[i * TICKET_KEY_BYTES] = (char)i;
	assert_true(ticket_keys_check_file(
	    (struct slice){ file, 64 * TICKET_KEY_BYTES }, &error));
	assert_false(ticket_keys_check_file(
	    (struct slice){ file, 65 * TICKET_KEY_BYTES }, &error));
	assert_false(ticket_keys_check_file((struct slice){ file, 0 }, &error));
	assert_false(
	    ticket_keys_check_file((struct slice){ file, 79 }, &error));
	assert_non_null(strstr(error, "80 random bytes"));
	file[TICKET_KEY_BYTES] = file[0];
	assert_false(ticket_keys_check_file(
	    (struct slice){ file, 2 * TICKET_KEY_BYTES }, &error));
	assert_non_null(strstr(error, "same 16 bytes"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, with_page)
	const struct CMUnitTest tests[] = {
		T(has_no_key_before_the_first_turn),
		T(makes_a_new_key_when_it_is_time_and_keeps_the_old_one_for_a_while),
		T(has_room_for_the_longest_lifetime),
		T(takes_the_first_key_of_a_file_and_knows_the_others),
		T(refuses_files_of_another_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
