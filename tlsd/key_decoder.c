/*
 * Keys out of DER and PEM.  Runs in the signer and in the checker.
 *
 * For each key that it reads OpenSSL 3.0 puts a decoder together out of all
 * that its providers offer, which takes 15 times as long as to decode a P-256
 * key with it: half of the start with many sites.  So it is made once here,
 * and used for all keys.
 */
#include "tlsd/key_decoder.h"

#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"

struct key_decoder {
	/* owned; made when the first key of that half comes */
	OSSL_DECODER_CTX *private;
	OSSL_DECODER_CTX *public;
	EVP_PKEY *key; /* where both leave what they found */
};

struct key_decoder *
key_decoder_new(void)
{
	return mem_need(sizeof(struct key_decoder));
}

void
key_decoder_free(struct key_decoder *d)
{
	if (d == NULL)
		return;
	OSSL_DECODER_CTX_free(d->private);
	OSSL_DECODER_CTX_free(d->public);
	mem_free(d);
}

static EVP_PKEY *
decode(struct key_decoder *d, OSSL_DECODER_CTX *ctx, const unsigned char *der,
    size_t len_bytes)
{
	EVP_PKEY *key;
	bool is_done;

	CHECK(ctx != NULL);
	is_done = OSSL_DECODER_from_data(ctx, &der, &len_bytes) == 1;
	key = d->key;
	d->key = NULL;
	if (is_done)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static EVP_PKEY *
decode_private(struct key_decoder *d, const unsigned char *der, long der_bytes)
{
	if (d->private == NULL)
		d->private = OSSL_DECODER_CTX_new_for_pkey(
		    &d->key, "DER", NULL, NULL, EVP_PKEY_KEYPAIR, NULL, NULL);
	return decode(d, d->private, der, (size_t)der_bytes);
}

/* PKCS#8, encrypted: OpenSSL wipes what it held in between. */
static EVP_PKEY *
decrypt_pkcs8(
    const unsigned char *der, long der_bytes, struct passphrase *phrase)
{
	X509_SIG *wrapped = d2i_X509_SIG(NULL, &der, der_bytes);
	PKCS8_PRIV_KEY_INFO *inner = NULL;
	EVP_PKEY *key = NULL;

	phrase->was_asked = true;
	if (wrapped != NULL && phrase->len_bytes > 0)
		inner = PKCS8_decrypt(
		    wrapped, phrase->text, (int)phrase->len_bytes);
	if (inner != NULL)
		key = EVP_PKCS82PKEY(inner);
	PKCS8_PRIV_KEY_INFO_free(inner);
	X509_SIG_free(wrapped);
	return key;
}

EVP_PKEY *
key_decoder_private(
    struct key_decoder *d, struct slice pem, struct passphrase *phrase)
{
	BIO *bio = BIO_new_mem_buf(pem.len > 0 ? pem.p : "", (int)pem.len);
	unsigned char *der = NULL;
	char *kind = NULL;
	long der_bytes = 0;
	EVP_PKEY *key = NULL;

	CHECK(bio != NULL);
	phrase->was_asked = false;
	if (PEM_bytes_read_bio_secmem(&der, &der_bytes, &kind,
		PEM_STRING_EVP_PKEY, bio, passphrase_give, phrase))
		key = strcmp(kind, PEM_STRING_PKCS8) == 0
			  ? decrypt_pkcs8(der, der_bytes, phrase)
			  : decode_private(d, der, der_bytes);
	OPENSSL_secure_clear_free(der, (size_t)der_bytes);
	OPENSSL_secure_free(kind);
	BIO_free(bio);
	ERR_clear_error();
	return key;
}

EVP_PKEY *
key_decoder_public(struct key_decoder *d, struct slice spki)
{
	EVP_PKEY *key;

	if (d->public == NULL)
		d->public = OSSL_DECODER_CTX_new_for_pkey(&d->key, "DER",
		    "SubjectPublicKeyInfo", NULL, EVP_PKEY_PUBLIC_KEY, NULL,
		    NULL);
	key = decode(d, d->public, (const unsigned char *)spki.p, spki.len);
	ERR_clear_error();
	return key;
}
