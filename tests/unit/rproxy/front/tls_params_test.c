/*
 * What many clients have in common is there once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rproxy/front/tls_params.h"

#define S(text) ((struct slice){ text, sizeof(text) - 1 })

static struct proxy_v2
header(void)
{
	return (struct proxy_v2){
		.alpn = S("http/1.1"),
		.version = S("TLSv1.3"),
		.cipher = S("TLS_AES_128_GCM_SHA256"),
		.sig_alg = S("ecdsa-with-SHA256"),
		.key_alg = S("EC256"),
		.group = S("x25519"),
		.sig_scheme = S("ecdsa_secp256r1_sha256"),
		.listener = S("https"),
		.cipher_bits = 128,
		.generation = 3,
	};
}

static void
the_same_words_are_kept_once(void **state)
{
	struct tls_params_list all = { NULL };
	struct proxy_v2 one = header(), other = header();
	char version[] = "TLSv1.3";

	(void)state;
	other.version = (struct slice){ version, 7 };
	other.authority = S("of its own");
	struct tls_params *p = tls_params_get(&all, &one);
	assert_non_null(p);
	assert_ptr_equal(tls_params_get(&all, &other), p);
	memset(version, '#', sizeof(version));
	tls_params_put(p);
	assert_ptr_equal(tls_params_get(&all, &one), p);
	tls_params_put(p);
	assert_false(LIST_EMPTY(&all));
	tls_params_put(p);
	assert_true(LIST_EMPTY(&all));
	tls_params_put(NULL);
}

/* Each of them for itself, and none at all. */
static void
whatever_differs_makes_another(void **state)
{
	struct proxy_v2 other[11];
	struct tls_params_list all = { NULL };
	struct tls_params *p[11];

	(void)state;
	for (size_t i = 0; i < 11; i++)
		other[i] = header();
	other[1].alpn = S("http/1.0");
	other[2].version = S("TLSv1.2");
	other[3].cipher = S("TLS_AES_256_GCM_SHA384");
	other[4].sig_alg = S("RSA-SHA256");
	other[5].key_alg = SLICE_NONE;
	other[6].group = S("x448");
	other[7].sig_scheme = S("ed25519");
	other[8].listener = S("intern");
	other[9].cipher_bits = 256;
	other[10].generation = 4;
	for (size_t i = 0; i < 11; i++) {
		struct proxy_v2 told = { .verify = 9 };

		p[i] = tls_params_get(&all, &other[i]);
		tls_params_tell(p[i], &told);
		assert_true(slice_eq(told.alpn, other[i].alpn));
		assert_true(slice_eq(told.version, other[i].version));
		assert_true(slice_eq(told.cipher, other[i].cipher));
		assert_true(slice_eq(told.sig_alg, other[i].sig_alg));
		assert_true(slice_eq(told.key_alg, other[i].key_alg));
		assert_true(slice_eq(told.group, other[i].group));
		assert_true(slice_eq(told.sig_scheme, other[i].sig_scheme));
		assert_true(slice_eq(told.listener, other[i].listener));
		assert_int_equal(told.cipher_bits, other[i].cipher_bits);
		assert_int_equal(told.generation, other[i].generation);
		assert_int_equal(
		    tls_params_generation(p[i]), other[i].generation);
		assert_int_equal(told.verify, 9);
		for (size_t k = 0; k < i; k++)
			assert_ptr_not_equal(p[k], p[i]);
	}
	for (size_t i = 0; i < 11; i++)
		tls_params_put(p[i]);
	assert_true(LIST_EMPTY(&all));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_words_are_kept_once),
		cmocka_unit_test(whatever_differs_makes_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
