/*
 * PEM files as lists of certificates or CRLs.  Runs in the checker and in the
 * worker, on files that the bundle holds.
 *
 * People bring what their CA or their key store gave them.  What is not PEM
 * is told apart by its first bytes, and the answer is the command that
 * converts it.
 */
#include "tlsd/cert_file.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"

static BIO *
open_text(struct slice text)
{
	BIO *bio = NULL;

	CHECK(text.len <= INT_MAX);
	bio = BIO_new_mem_buf(text.len > 0 ? text.p : "", (int)text.len);
	CHECK(bio != NULL);
	return bio;
}

/* "CERTIFICATE" of the first "-----BEGIN CERTIFICATE-----". */
static struct slice
first_label(struct slice text)
{
	static const struct slice begin = { "-----BEGIN ", 11 };
	struct slice label =
	    slice_from(text, slice_find_slice(text, begin) + begin.len);

	if (slice_find_slice(text, begin) == text.len)
		return SLICE_NONE;
	return slice_first(label, slice_find(label, '-'));
}

typedef void *parser(const unsigned char **p, long len);

static void *
parse_pkcs12(const unsigned char **p, long len)
{
	return d2i_PKCS12(NULL, p, len);
}

static void *
parse_certificate(const unsigned char **p, long len)
{
	return d2i_X509(NULL, p, len);
}

static void *
parse_crl(const unsigned char **p, long len)
{
	return d2i_X509_CRL(NULL, p, len);
}

static void
free_pkcs12(void *x)
{
	PKCS12_free(x);
}

static void
free_certificate(void *x)
{
	X509_free(x);
}

static void
free_crl(void *x)
{
	X509_CRL_free(x);
}

/* %1$s is the path */
static const struct binary_format {
	parser *parse;
	void (*release)(void *);
	const char *text;
} binary_formats[] = {
	{ parse_pkcs12, free_pkcs12,
	    "is PKCS#12, PEM is needed; convert it with "
	    "\"openssl pkcs12 -in %1$s -nokeys -out cert.pem\" and "
	    "\"openssl pkcs12 -in %1$s -nocerts -noenc -out key.pem\"" },
	{ parse_certificate, free_certificate,
	    "is a certificate in DER, PEM is needed; convert it with "
	    "\"openssl x509 -inform DER -in %1$s -out cert.pem\"" },
	{ parse_crl, free_crl,
	    "is a CRL in DER, PEM is needed; convert it with "
	    "\"openssl crl -inform DER -in %1$s -out crl.pem\"" },
};

static const struct binary_format *
find_format(struct slice text)
{
	for (size_t i = 0; i < ARRAY_LEN(binary_formats); i++) {
		const unsigned char *p = (const unsigned char *)text.p;
		void *x = binary_formats[i].parse(&p, (long)text.len);

		ERR_clear_error();
		if (x == NULL)
			continue;
		binary_formats[i].release(x);
		return &binary_formats[i];
	}
	return NULL;
}

void
cert_file_explain(struct slice text, const char *path, const char *what,
    char error[CERT_FILE_ERROR_MAX])
{
	const struct slice java = SLICE("\xfe\xed\xfe\xed");
	struct slice label = first_label(text);
	const struct binary_format *format = NULL;

	if (label.len > 0) {
		(void)snprintf(error, CERT_FILE_ERROR_MAX,
		    "holds no %s but \"%.*s\"", what, SLICE_FMT(label));
		return;
	}
	if (slice_starts_with(text, java)) {
		(void)snprintf(error, CERT_FILE_ERROR_MAX,
		    "is a Java key store, PEM is needed; convert it with "
		    "\"keytool -importkeystore -srckeystore %s -destkeystore "
		    "store.p12 -deststoretype PKCS12\", then with openssl "
		    "pkcs12",
		    path);
		return;
	}
	format = find_format(text);
	if (format == NULL) {
		(void)snprintf(error, CERT_FILE_ERROR_MAX,
		    "holds no %s in PEM (\"-----BEGIN ...\")", what);
		return;
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(error, CERT_FILE_ERROR_MAX, format->text, path);
#pragma GCC diagnostic pop
}

/*
 * After the last object of a PEM file: true when the reader stopped because
 * there is no more, false when what follows is damaged.
 */
static bool
ended_well(char error[CERT_FILE_ERROR_MAX], const char *what, int n_read)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(e);

	ERR_clear_error();
	if (ERR_GET_LIB(e) == ERR_LIB_PEM &&
	    ERR_GET_REASON(e) == PEM_R_NO_START_LINE)
		return true;
	(void)snprintf(error, CERT_FILE_ERROR_MAX, "%s %d is damaged (%s)",
	    what, n_read + 1, reason == NULL ? "unknown" : reason);
	return false;
}

/* The next of that label; empty: OpenSSL's queue of errors says why. */
static struct slice
read_next(BIO *bio, const char *label)
{
	unsigned char *der = NULL;
	long len = 0;

	if (PEM_bytes_read_bio(&der, &len, NULL, label, bio, NULL, NULL) != 1)
		return SLICE_NONE;
	return (struct slice){ (const char *)der, (size_t)len };
}

static X509 *
read_certificate(BIO *bio, struct cert_pool *pool)
{
	struct slice der = read_next(bio, PEM_STRING_X509);
	X509 *x = der.p != NULL ? cert_pool_take(pool, der) : NULL;

	OPENSSL_free((void *)(uintptr_t)der.p);
	return x;
}

static X509_CRL *
read_crl(BIO *bio, struct cert_pool *pool)
{
	struct slice der = read_next(bio, PEM_STRING_X509_CRL);
	X509_CRL *x = der.p != NULL ? cert_pool_take_crl(pool, der) : NULL;

	OPENSSL_free((void *)(uintptr_t)der.p);
	return x;
}

STACK_OF(X509) * cert_file_read(struct cert_pool *pool, struct slice text,
		     const char *path, char error[CERT_FILE_ERROR_MAX])
{
	STACK_OF(X509) *list = sk_X509_new_null();
	BIO *bio = open_text(text);
	X509 *x = NULL;
	bool good = false;

	CHECK(list != NULL);
	ERR_clear_error();
	while ((x = read_certificate(bio, pool)) != NULL)
		CHECK(sk_X509_push(list, x) > 0);
	BIO_free(bio);
	good = ended_well(error, "certificate", sk_X509_num(list));
	if (good && sk_X509_num(list) > 0)
		return list;
	if (good)
		cert_file_explain(text, path, "certificate", error);
	sk_X509_pop_free(list, X509_free);
	return NULL;
}

STACK_OF(X509_CRL) * cert_file_read_crls(struct cert_pool *pool,
			 struct slice text, const char *path,
			 char error[CERT_FILE_ERROR_MAX])
{
	STACK_OF(X509_CRL) *list = sk_X509_CRL_new_null();
	BIO *bio = open_text(text);
	X509_CRL *x = NULL;
	bool good = false;

	CHECK(list != NULL);
	ERR_clear_error();
	while ((x = read_crl(bio, pool)) != NULL)
		CHECK(sk_X509_CRL_push(list, x) > 0);
	BIO_free(bio);
	good = ended_well(error, "CRL", sk_X509_CRL_num(list));
	if (good && sk_X509_CRL_num(list) > 0)
		return list;
	if (good)
		cert_file_explain(text, path, "CRL", error);
	sk_X509_CRL_pop_free(list, X509_CRL_free);
	return NULL;
}
