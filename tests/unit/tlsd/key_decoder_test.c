/*
 * Keys of all kinds and forms through one decoder, good and bad in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "tests/unit/tlsd/pki_fixture.h"
#include "tlsd/key_decoder.h"

static const struct kind {
	const char *name;
	const char *group;
} kinds[] = {
	{ "EC", "P-256" },
	{ "RSA", NULL },
	{ "ED25519", NULL },
	{ "RSA-PSS", NULL },
	{ "EC", "P-384" },
	{ "ED448", NULL },
};

/* How a key stands in a file. */
enum form {
	PKCS8,
	ENCRYPTED,
	TRADITIONAL,
	TRADITIONAL_ENCRYPTED
};

static const struct passphrase right = { .len_bytes = 5, .text = "right" };
static const struct passphrase wrong = { .len_bytes = 5, .text = "wrong" };
static const struct passphrase none;

static struct key_decoder *decoder;
static EVP_PKEY *keys[ARRAY_LEN(kinds)];

static int
set_up(void **state)
{
	(void)state;
	decoder = key_decoder_new();
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		keys[i] = make_key(kinds[i].name, kinds[i].group);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		EVP_PKEY_free(keys[i]);
	key_decoder_free(decoder);
	return 0;
}

static void
write_pem(BIO *to, EVP_PKEY *key, enum form form)
{
	const EVP_CIPHER *aes = EVP_aes_128_cbc();
	const unsigned char *secret = (const unsigned char *)right.text;

	switch (form) {
	case PKCS8:
		NEED(PEM_write_bio_PrivateKey(
		    to, key, NULL, NULL, 0, NULL, NULL));
		break;
	case ENCRYPTED:
		NEED(PEM_write_bio_PrivateKey(
		    to, key, aes, secret, 5, NULL, NULL));
		break;
	case TRADITIONAL:
		NEED(PEM_write_bio_PrivateKey_traditional(
		    to, key, NULL, NULL, 0, NULL, NULL));
		break;
	case TRADITIONAL_ENCRYPTED:
		NEED(PEM_write_bio_PrivateKey_traditional(
		    to, key, aes, secret, 5, NULL, NULL));
		break;
	}
}

/* With a certificate's label before it, which is passed over. */
static EVP_PKEY *
decode(EVP_PKEY *key, enum form form, struct passphrase *phrase)
{
	BIO *bio = BIO_new(BIO_s_mem());
	EVP_PKEY *got;
	char *text;
	long len;

	BIO_puts(bio, "-----BEGIN X-----\nAAAA\n-----END X-----\n");
	write_pem(bio, key, form);
	len = BIO_get_mem_data(bio, &text);
	got = key_decoder_private(
	    decoder, (struct slice){ text, (size_t)len }, phrase);
	BIO_free(bio);
	return got;
}

static void
decodes(size_t i, enum form form, struct passphrase phrase, bool is_asked)
{
	EVP_PKEY *got = decode(keys[i], form, &phrase);

	assert_non_null(got);
	assert_true(EVP_PKEY_is_a(got, kinds[i].name));
	assert_int_equal(EVP_PKEY_eq(got, keys[i]), 1);
	assert_int_equal(phrase.was_asked, is_asked);
	EVP_PKEY_free(got);
}

static void
refuses(struct slice pem)
{
	struct passphrase phrase = none;

	assert_null(key_decoder_private(decoder, pem, &phrase));
	assert_false(phrase.was_asked);
}

static void
decodes_each_kind_after_each_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
			decodes(i, PKCS8, none, false);
			decodes(k, PKCS8, none, false);
		}
}

static void
decodes_what_is_encrypted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		decodes(i, ENCRYPTED, right, true);
}

static void
decodes_the_traditional_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		decodes(i, TRADITIONAL, none, false);
		decodes(i, TRADITIONAL_ENCRYPTED, right, true);
	}
}

static void
says_when_a_passphrase_was_wanting(void **state)
{
	static const enum form forms[] = { ENCRYPTED, TRADITIONAL_ENCRYPTED };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct passphrase phrase = wrong;

		assert_null(decode(keys[0], forms[i], &phrase));
		assert_true(phrase.was_asked);
		phrase = none;
		assert_null(decode(keys[0], forms[i], &phrase));
		assert_true(phrase.was_asked);
	}
}

static void
goes_on_after_a_key_that_is_none(void **state)
{
	(void)state;
	refuses(SLICE_NONE);
	refuses(SLICE("nothing"));
	refuses(SLICE("-----BEGIN PRIVATE KEY-----\n"
		      "MAMCAQA=\n-----END PRIVATE KEY-----\n"));
	refuses(SLICE("-----BEGIN PRIVATE KEY-----\n"
		      "MAMCAQA\n-----END PRIVATE KEY-----\n"));
	decodes(0, PKCS8, none, false);
	decodes(1, PKCS8, none, false);
}

static struct slice
spki_of(EVP_PKEY *key, unsigned char **der)
{
	int n = i2d_PUBKEY(key, der);

	assert_true(n > 0);
	return (struct slice){ (const char *)*der, (size_t)n };
}

static void
decodes_public_keys_of_each_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		unsigned char *der = NULL;
		struct slice spki = spki_of(keys[i], &der);
		EVP_PKEY *got;

		assert_null(key_decoder_public(
		    decoder, slice_first(spki, spki.len - 1)));
		got = key_decoder_public(decoder, spki);
		assert_non_null(got);
		assert_int_equal(EVP_PKEY_eq(got, keys[i]), 1);
		EVP_PKEY_free(got);
		OPENSSL_free(der);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_each_kind_after_each_other),
		cmocka_unit_test(decodes_what_is_encrypted),
		cmocka_unit_test(decodes_the_traditional_forms),
		cmocka_unit_test(says_when_a_passphrase_was_wanting),
		cmocka_unit_test(goes_on_after_a_key_that_is_none),
		cmocka_unit_test(decodes_public_keys_of_each_kind),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
