#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"

static void
gives_aligned_and_separate_memory(void **state)
{
	struct arena a;
	char *p[300];

	(void)state;
	arena_init(&a, 100000);
	for (size_t i = 0; i < 300; i++) {
		p[i] = arena_alloc(&a, i);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % alignof(max_align_t), 0);
		memset(p[i], (int)(i & 0xff), i);
	}
	for (size_t i = 0; i < 300; i++)
		for (size_t j = 0; j < i; j++)
			assert_int_equal((unsigned char)p[i][j], i & 0xff);
	assert_ptr_not_equal(p[0], p[1]);
	arena_fini(&a);
}

static void
refuses_above_the_ceiling_and_goes_on_below_it(void **state)
{
	struct arena a;
	size_t taken = 0;

	(void)state;
	arena_init(&a, 10000);
	assert_null(arena_alloc(&a, 10001));
	assert_null(arena_alloc(&a, SIZE_MAX));
	while (arena_alloc(&a, 1000) != NULL)
		taken += 1000;
	assert_true(taken >= 8000);
	assert_true(a.total_bytes <= 10000);
	assert_non_null(arena_alloc(&a, 16));
	arena_fini(&a);
	assert_int_equal(a.total_bytes, 0);
}

static void
a_large_piece_does_not_waste_the_current_block(void **state)
{
	struct arena a;
	size_t left;

	(void)state;
	arena_init(&a, 100000);
	assert_non_null(arena_alloc(&a, 16));
	left = a.left_bytes;
	assert_non_null(arena_alloc(&a, 50000));
	assert_int_equal(a.left_bytes, left);
	arena_fini(&a);
}

static void
copies_joins_and_prints(void **state)
{
	const struct slice parts[] = { SLICE("https"), SLICE("://"), SLICE_NONE,
		SLICE("h/") };
	struct arena a;
	struct slice s;

	(void)state;
	arena_init(&a, 8192);
	s = arena_concat(&a, parts, 4);
	assert_true(slice_eq(s, SLICE("https://h/")));
	assert_true(slice_eq(arena_copy(&a, s), s));
	assert_ptr_not_equal(arena_copy(&a, s).p, s.p);
	s = arena_printf(&a, "%s:%d", "port", 443);
	assert_true(slice_eq(s, SLICE("port:443")));
	/* empty is not the same as refused */
	assert_non_null(arena_copy(&a, SLICE_NONE).p);
	arena_fini(&a);
}

static void
refused_strings_are_none(void **state)
{
	char big[200];
	struct arena a;
	struct slice s = { big, sizeof(big) };
	const struct slice twice[] = { s, s };

	(void)state;
	memset(big, 'x', sizeof(big));
	arena_init(&a, 256);
	assert_null(arena_concat(&a, twice, 2).p);
	assert_null(arena_printf(&a, "%300s", "x").p);
	assert_non_null(arena_copy(&a, s).p);
	assert_null(arena_copy(&a, s).p);
	arena_fini(&a);
}

static void
reset_keeps_one_small_block(void **state)
{
	struct arena a;
	void *first;

	(void)state;
	arena_init(&a, 100000);
	for (int i = 0; i < 20; i++)
		assert_non_null(arena_alloc(&a, 1000));
	assert_non_null(arena_alloc(&a, 30000));
	arena_reset(&a);
	assert_true(a.total_bytes > 0 && a.total_bytes <= 4096);
	first = arena_alloc(&a, 8);
	arena_reset(&a);
	assert_ptr_equal(arena_alloc(&a, 8), first);
	arena_fini(&a);

	/* a block made for one large thing is not kept */
	assert_non_null(arena_alloc(&a, 30000));
	arena_reset(&a);
	assert_int_equal(a.total_bytes, 0);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_aligned_and_separate_memory),
		cmocka_unit_test(
		    refuses_above_the_ceiling_and_goes_on_below_it),
		cmocka_unit_test(
		    a_large_piece_does_not_waste_the_current_block),
		cmocka_unit_test(copies_joins_and_prints),
		cmocka_unit_test(refused_strings_are_none),
		cmocka_unit_test(reset_keeps_one_small_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
