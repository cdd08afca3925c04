#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"

static void
an_all_zero_buffer_is_empty_and_has_no_storage(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(buf_slice(&b).len, 0);
	assert_int_equal(buf_room_len(&b), 0);
	assert_true(buf_append(&b, NULL, 0, 10));
	assert_int_equal(buf_storage_bytes(&b), 0);
	buf_release(&b);
}

static void
gives_bytes_back_in_order(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_true(buf_append(&b, "hello ", 6, 100));
	assert_true(buf_append(&b, "world", 5, 100));
	assert_true(slice_eq(buf_slice(&b), SLICE("hello world")));
	buf_consume(&b, 6);
	assert_true(slice_eq(buf_slice(&b), SLICE("world")));
	buf_release(&b);
}

static void
never_holds_more_than_the_ceiling(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_true(buf_append(&b, "12345678", 8, 10));
	assert_false(buf_append(&b, "abc", 3, 10));
	assert_true(slice_eq(buf_slice(&b), SLICE("12345678")));
	assert_true(buf_append(&b, "ab", 2, 10));
	assert_false(buf_reserve(&b, 1, 10));
	assert_false(buf_reserve(&b, SIZE_MAX, 10));
	assert_true(buf_storage_bytes(&b) <= 10);
	/* what left at the head is room again */
	buf_consume(&b, 3);
	assert_true(buf_append(&b, "xyz", 3, 10));
	assert_true(slice_eq(buf_slice(&b), SLICE("45678abxyz")));
	/* a ceiling below what is held */
	assert_false(buf_reserve(&b, 0, 5));
	buf_release(&b);
}

static void
an_emptied_buffer_starts_over(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_true(buf_append(&b, "abcd", 4, 4));
	buf_consume(&b, 4);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(buf_room_len(&b), buf_storage_bytes(&b));
	buf_release(&b);
}

static void
what_was_appended_last_is_taken_back(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_shorten(&b, 0);
	assert_true(buf_append(&b, "abcd", 4, 64));
	buf_consume(&b, 1);
	buf_shorten(&b, 2);
	assert_true(slice_eq(buf_slice(&b), SLICE("bc")));
	buf_release(&b);
}

static void
releases_storage_only_when_empty(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_true(buf_append(&b, "ab", 2, 64));
	buf_release_if_empty(&b);
	assert_int_not_equal(buf_storage_bytes(&b), 0);
	buf_consume(&b, 2);
	buf_release_if_empty(&b);
	assert_int_equal(buf_storage_bytes(&b), 0);
}

/* Against a plain counter: byte i of the stream is (char)i. */
static void
random_traffic_comes_out_as_it_went_in(void **state)
{
	enum {
		MAX = 5000
	};
	struct buf b = { 0 };
	size_t in = 0;
	size_t out = 0;

	(void)state;
	srand(1);
	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)rand() % 700;

		if (rand() % 2 == 0) {
			bool fits = buf_len(&b) + n <= MAX;

			assert_int_equal(buf_reserve(&b, n, MAX), fits);
			for (size_t i = 0; fits && i < n; i++)
				buf_room(&b)[i] = (char)in++;
			if (fits)
				buf_commit(&b, n);
			continue;
		}
		n = n > buf_len(&b) ? buf_len(&b) : n;
		for (size_t i = 0; i < n; i++)
			assert_int_equal(buf_slice(&b).p[i], (char)out++);
		buf_consume(&b, n);
	}
	assert_int_equal(buf_len(&b), in - out);
	assert_true(buf_storage_bytes(&b) <= MAX);
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    an_all_zero_buffer_is_empty_and_has_no_storage),
		cmocka_unit_test(gives_bytes_back_in_order),
		cmocka_unit_test(never_holds_more_than_the_ceiling),
		cmocka_unit_test(an_emptied_buffer_starts_over),
		cmocka_unit_test(what_was_appended_last_is_taken_back),
		cmocka_unit_test(releases_storage_only_when_empty),
		cmocka_unit_test(random_traffic_comes_out_as_it_went_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
