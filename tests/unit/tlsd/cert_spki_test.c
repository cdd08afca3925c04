/*
 * The key's bytes in certificates, beside what OpenSSL finds there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "tests/unit/tlsd/pki_fixture.h"
#include "tlsd/cert_spki.h"

static X509 *cert;
static unsigned char *der;
static struct slice whole;

static int
set_up(void **state)
{
	EVP_PKEY *key = make_key("EC", "P-256");
	int n;

	(void)state;
	cert = make_cert(key, &(struct cert_spec){ .cn = "a.test" });
	n = i2d_X509(cert, &der);
	assert_true(n > 0);
	whole = (struct slice){ (const char *)der, (size_t)n };
	EVP_PKEY_free(key);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	X509_free(cert);
	OPENSSL_free(der);
	return 0;
}

static void
is_key_of(X509 *c, struct slice spki)
{
	unsigned char *want = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(c), &want);

	assert_int_equal(spki.len, n);
	assert_memory_equal(spki.p, want, spki.len);
	OPENSSL_free(want);
}

static void
finds_what_openssl_finds(void **state)
{
	static const struct {
		const char *kind;
		const char *group;
	} kinds[] = { { "RSA", NULL }, { "RSA-PSS", NULL }, { "EC", "P-521" },
		{ "ED25519", NULL }, { "ED448", NULL } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		EVP_PKEY *key = make_key(kinds[i].kind, kinds[i].group);
		X509 *c = make_cert(key, &(struct cert_spec){ .cn = "b.test" });
		unsigned char *bytes = NULL;
		int n = i2d_X509(c, &bytes);
		struct slice spki;

		assert_true(cert_spki_find(
		    (struct slice){ (const char *)bytes, (size_t)n }, &spki));
		is_key_of(c, spki);
		OPENSSL_free(bytes);
		X509_free(c);
		EVP_PKEY_free(key);
	}
}

static void
refuses_what_is_cut_short(void **state)
{
	struct slice spki;

	(void)state;
	for (size_t n = 0; n < whole.len; n++)
		assert_false(cert_spki_find(slice_first(whole, n), &spki));
	assert_true(cert_spki_find(whole, &spki));
}

/* Whatever stands there, what is found lies inside. */
static void
stays_inside_of_what_is_damaged(void **state)
{
	(void)state;
	for (size_t at = 0; at < whole.len; at++)
		for (unsigned flip = 1; flip < 256; flip++) {
			struct slice spki;

			der[at] ^= (unsigned char)flip;
			if (cert_spki_find(whole, &spki))
				assert_true(
				    spki.p > whole.p && spki.len < whole.len &&
				    spki.p + spki.len <= whole.p + whole.len);
			der[at] ^= (unsigned char)flip;
		}
}

static void
refuses_an_indefinite_length(void **state)
{
	struct slice spki;
	unsigned char was = der[1];

	(void)state;
	der[1] = 0x80;
	assert_false(cert_spki_find(whole, &spki));
	der[1] = was;
}

static void
reads_the_first_certificate_of_a_text(void **state)
{
	BIO *bio = BIO_new(BIO_s_mem());
	unsigned char *spki;
	size_t len_bytes = 0;
	char *text;
	long n;

	(void)state;
	BIO_puts(bio, "Subject: a.test\n");
	NEED(PEM_write_bio_X509(bio, cert));
	n = BIO_get_mem_data(bio, &text);
	spki = cert_spki_read((struct slice){ text, (size_t)n }, &len_bytes);
	assert_non_null(spki);
	is_key_of(cert, (struct slice){ (const char *)spki, len_bytes });
	OPENSSL_free(spki);
	assert_null(cert_spki_read(SLICE_NONE, &len_bytes));
	assert_null(
	    cert_spki_read((struct slice){ text, (size_t)n / 2 }, &len_bytes));
	BIO_free(bio);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_openssl_finds),
		cmocka_unit_test(refuses_what_is_cut_short),
		cmocka_unit_test(stays_inside_of_what_is_damaged),
		cmocka_unit_test(refuses_an_indefinite_length),
		cmocka_unit_test(reads_the_first_certificate_of_a_text),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
