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

static X509_CRL *
make_crl(void)
{
	EVP_PKEY *key = make_key("EC", "P-256");
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *now = X509_gmtime_adj(NULL, 0);

	NEED(crl != NULL && now != NULL);
	NEED(X509_CRL_set_issuer_name(crl, X509_get_subject_name(made[0])));
	NEED(X509_CRL_set1_lastUpdate(crl, now));
	NEED(X509_CRL_sign(crl, key, EVP_sha256()));
	ASN1_TIME_free(now);
	EVP_PKEY_free(key);
	return crl;
}

static void
gives_one_crl_for_the_same_bytes(void **state)
{
	struct cert_pool *p = cert_pool_new();
	X509_CRL *want = make_crl();
	unsigned char *text = NULL;
	int n = i2d_X509_CRL(want, &text);
	struct slice crl = { (const char *)text, (size_t)n };
	X509_CRL *first = cert_pool_take_crl(p, crl);
	X509_CRL *again = cert_pool_take_crl(p, crl);

	(void)state;
	assert_non_null(first);
	assert_ptr_equal(first, again);
	/* neither is the other, whatever the bytes */
	assert_null(cert_pool_take(p, crl));
	assert_null(cert_pool_take_crl(p, bytes[0]));
	cert_pool_free(p);
	assert_int_equal(X509_NAME_cmp(X509_CRL_get_issuer(again),
			     X509_CRL_get_issuer(want)),
	    0);
	X509_CRL_free(first);
	X509_CRL_free(again);
	X509_CRL_free(want);
	OPENSSL_free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_one_object_for_the_same_bytes),
		cmocka_unit_test(gives_one_crl_for_the_same_bytes),
		cmocka_unit_test(says_why_something_is_no_certificate),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
