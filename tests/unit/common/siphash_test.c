/*
 * SipHash-2-4 against the vectors of its authors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/siphash.h"

/* key 00..0f, input 00..n-1 */
static const struct {
	size_t n;
	uint64_t want;
} vectors[] = {
	{ 0, UINT64_C(0x726fdb47dd0e0e31) },
	{ 1, UINT64_C(0x74f839c593dc67fd) },
	{ 7, UINT64_C(0xab0200f58b01d137) },
	{ 8, UINT64_C(0x93f5f5799a932462) },
	{ 15, UINT64_C(0xa129ca6149be45e5) },
	{ 63, UINT64_C(0x958a324ceb064572) },
};

static void
gives_the_published_hashes(void **state)
{
	const struct siphash_key key = { { UINT64_C(0x0706050403020100),
	    UINT64_C(0x0f0e0d0c0b0a0908) } };
	char in[64];

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)i;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
		assert_true(siphash(&key, (struct slice){ in, vectors[i].n }) ==
			    vectors[i].want);
}

static void
another_text_is_another_key(void **state)
{
	struct siphash_key a = siphash_key_of(SLICE("a"));
	struct siphash_key b = siphash_key_of(SLICE("b"));

	(void)state;
	assert_true(siphash(&a, SLICE("x")) != siphash(&b, SLICE("x")));
	assert_true(a.k[0] != a.k[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_published_hashes),
		cmocka_unit_test(another_text_is_another_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
