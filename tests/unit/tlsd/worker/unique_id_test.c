#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "tlsd/worker/unique_id.h"

static void
names_start_generation_worker_and_count(void **state)
{
	const struct unique_id id = { 0x1abc234def5, 1, 0, 0x2a };
	char out[UNIQUE_ID_MAX];

	(void)state;
	assert_true(
	    slice_eq(unique_id_format(&id, out), SLICE("1abc234def5-1-0-2a")));
}

static void
fits_whatever_the_numbers_are(void **state)
{
	const struct unique_id id = { UINT64_MAX, ~0u, ~0u, UINT64_MAX };
	char out[UNIQUE_ID_MAX];

	(void)state;
	assert_int_equal(UNIQUE_ID_MAX - 1, unique_id_format(&id, out).len);
}

static void
differs_when_any_part_differs(void **state)
{
	static const struct unique_id ids[] = {
		{ 1000, 1, 0, 1 },
		{ 1001, 1, 0, 1 },
		{ 1000, 2, 0, 1 },
		{ 1000, 1, 1, 1 },
		{ 1000, 1, 0, 2 },
	};
	char a[UNIQUE_ID_MAX], b[UNIQUE_ID_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		for (size_t k = 0; k < i; k++)
			assert_false(slice_eq(unique_id_format(&ids[i], a),
			    unique_id_format(&ids[k], b)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_start_generation_worker_and_count),
		cmocka_unit_test(fits_whatever_the_numbers_are),
		cmocka_unit_test(differs_when_any_part_differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
