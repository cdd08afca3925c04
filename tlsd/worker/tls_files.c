/*
 * Certificates out of the bundle, keys out of the signer.  Runs in the worker,
 * at its start.
 */
#include "tlsd/worker/tls_files.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>

#include "tlsd/cert_file.h"
#include "tlsd/cert_spki.h"
#include "tlsd/worker/signer_key.h"

static char error_text[CERT_FILE_ERROR_MAX];

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

static bool
find_file(const struct tls_files *t, const char *path, struct slice *pem)
{
	return bundle_find(t->bundle, path, pem) ||
	       tls_files_refuse("%s: not in the configuration's bundle", path);
}

STACK_OF(X509) *
    tls_files_certificates(const struct tls_files *t, const char *path)
{
	char error[CERT_FILE_ERROR_MAX];
	STACK_OF(X509) * all;
	struct slice pem;

	if (!find_file(t, path, &pem))
		return NULL;
	all = cert_file_read(t->pool, pem, path, error);
	if (all == NULL)
		tls_files_refuse("%s: %s", path, error);
	return all;
}

STACK_OF(X509_CRL) * tls_files_crls(const struct tls_files *t, const char *path)
{
	char error[CERT_FILE_ERROR_MAX];
	STACK_OF(X509_CRL) * all;
	struct slice pem;

	if (!find_file(t, path, &pem))
		return NULL;
	all = cert_file_read_crls(t->pool, pem, path, error);
	if (all == NULL)
		tls_files_refuse("%s: %s", path, error);
	return all;
}

/* Whether the signer speaks of the same key, byte for byte. */
static bool
is_key_of(const X509 *leaf, struct slice spki)
{
	unsigned char *der = NULL;
	int len_bytes = i2d_X509(leaf, &der);
	struct slice found;
	bool ok = len_bytes > 0 &&
		  cert_spki_find(
		      (struct slice){ (const char *)der, (size_t)len_bytes },
		      &found) &&
		  slice_eq(found, spki);

	OPENSSL_free(der);
	return ok;
}

bool
tls_files_use_pair(
    const struct tls_files *t, SSL_CTX *ctx, const char *path, unsigned key_no)
{
	STACK_OF(X509) *chain = tls_files_certificates(t, path);
	EVP_PKEY *key = NULL;
	X509 *leaf;
	bool ok;

	if (chain == NULL)
		return false;
	leaf = sk_X509_shift(chain);
	if (is_key_of(leaf, signer_client_key(t->signer, key_no)))
		key = signer_key_new(key_no, X509_get0_pubkey(leaf));
	/* each connection has a copy of the list, also of an empty one */
	ok = key != NULL && SSL_CTX_use_cert_and_key(ctx, leaf, key,
				sk_X509_num(chain) > 0 ? chain : NULL, 1) == 1;
	if (!ok)
		tls_files_refuse("%s: certificate or key cannot be used", path);
	EVP_PKEY_free(key);
	X509_free(leaf);
	sk_X509_pop_free(chain, X509_free);
	return ok;
}
