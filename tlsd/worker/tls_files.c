/*
 * Certificates out of the bundle, keys out of the signer.  Runs in the worker,
 * at its start.
 */
#include "tlsd/worker/tls_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/check.h"
#include "tlsd/worker/signer_key.h"

static char error_text[512];

bool
tls_files_refuse(const char *fmt, ...)
{
	unsigned long e = ERR_peek_last_error();
	const char *why = e != 0 ? ERR_reason_error_string(e) : NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(error_text, sizeof(error_text), fmt, ap);
	va_end(ap);
	if (why != NULL && n > 0 && (size_t)n < sizeof(error_text))
		snprintf(error_text + n, sizeof(error_text) - (size_t)n, ": %s",
		    why);
	ERR_clear_error();
	return false;
}

const char *
tls_files_error(void)
{
	return error_text;
}

BIO *
tls_files_open(const struct tls_files *t, const char *path)
{
	struct slice pem;
	BIO *bio;

	if (!bundle_find(t->bundle, path, &pem)) {
		tls_files_refuse("%s: not in the configuration's bundle", path);
		return NULL;
	}
	bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	if (bio == NULL)
		tls_files_refuse("%s: out of memory", path);
	return bio;
}

STACK_OF(X509) *
    tls_files_certificates(const struct tls_files *t, const char *path)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	BIO *bio = tls_files_open(t, path);
	X509 *cert;

	if (bio == NULL || all == NULL)
		goto fail;
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		CHECK(sk_X509_push(all, cert) > 0);
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
		tls_files_refuse("%s: a certificate cannot be read", path);
		goto fail;
	}
	ERR_clear_error();
	if (sk_X509_num(all) == 0) {
		tls_files_refuse("%s: no certificate in PEM form", path);
		goto fail;
	}
	BIO_free(bio);
	return all;
fail:
	BIO_free(bio);
	sk_X509_pop_free(all, X509_free);
	return NULL;
}

bool
tls_files_use_pair(
    const struct tls_files *t, SSL_CTX *ctx, const char *path, unsigned key_no)
{
	STACK_OF(X509) *chain = tls_files_certificates(t, path);
	EVP_PKEY *key;
	X509 *leaf;
	bool ok;

	if (chain == NULL)
		return false;
	leaf = sk_X509_shift(chain);
	key = signer_key_new(key_no, signer_client_key(t->signer, key_no));
	ok = key != NULL &&
	     SSL_CTX_use_cert_and_key(ctx, leaf, key, chain, 1) == 1;
	if (!ok)
		tls_files_refuse("%s: certificate or key cannot be used", path);
	EVP_PKEY_free(key);
	X509_free(leaf);
	sk_X509_pop_free(chain, X509_free);
	return ok;
}
