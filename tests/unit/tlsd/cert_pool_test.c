/*
 * Certificates that are asked for more than once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "common/check.h"
#include "tests/unit/tlsd/pki_fixture.h"
#include "tlsd/cert_pool.h"

static X509 *made[2];
static unsigned char *der[2];
static struct slice bytes[2];

static int
set_up(void **state)
{
	EVP_PKEY *key = make_key("EC", "P-256");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		int n;

		made[i] = make_cert(key,
		    &(struct cert_spec){ .cn = "a.test", .serial = (long)i });
		n = i2d_X509(made[i], &der[i]);
		bytes[i] = (struct slice){ (const char *)der[i], (size_t)n };
	}
	EVP_PKEY_free(key);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		X509_free(made[i]);
		OPENSSL_free(der[i]);
	}
	return 0;
}

static void
gives_one_object_for_the_same_bytes(void **state)
{
	struct cert_pool *p = cert_pool_new();
	X509 *first = cert_pool_take(p, bytes[0]);
	X509 *again = cert_pool_take(p, bytes[0]);
	X509 *other = cert_pool_take(p, bytes[1]);

	(void)state;
	assert_ptr_equal(first, again);
	assert_ptr_not_equal(first, other);
	assert_int_equal(X509_cmp(first, made[0]), 0);
	assert_int_equal(X509_cmp(other, made[1]), 0);
	X509_free(first);
	X509_free(other);
	cert_pool_free(p);
	/* theirs who took it */
	assert_int_equal(X509_cmp(again, made[0]), 0);
	X509_free(again);
}

static void
says_why_something_is_no_certificate(void **state)
{
	struct cert_pool *p = cert_pool_new();

	(void)state;
	for (int i = 0; i < 2; i++) {
		ERR_clear_error();
		assert_null(
		    cert_pool_take(p, slice_first(bytes[0], bytes[0].len - 1)));
		assert_int_not_equal(ERR_peek_last_error(), 0);
	}
	cert_pool_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_one_object_for_the_same_bytes),
		cmocka_unit_test(says_why_something_is_no_certificate),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
