/*
 * Certificates out of the bundle, keys out of the signer, for the contexts of
 * a worker: towards clients (tls_context.c) and towards servers
 * (egress_server.c).  No file is opened.  Runs in the worker, at its start.
 */
#ifndef TLSD_WORKER_TLS_FILES_H
#define TLSD_WORKER_TLS_FILES_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "common/bundle.h"
#include "tlsd/cert_pool.h"
#include "tlsd/worker/signer_client.h"

struct tls_files {
	const struct bundle *bundle;  /* borrowed from the configuration */
	struct signer_client *signer; /* borrowed from the worker */
	struct cert_pool *pool;       /* borrowed from the maker of contexts */
};

/*
 * Notes what is wrong, with OpenSSL's reason behind it if there is one.
 * Always false.
 */
bool
tls_files_refuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What was noted last: the place stays the same, the text does not. */
const char *tls_files_error(void);

/*
 * All certificates of a file, at least one, each from the pool; the caller
 * frees with sk_X509_pop_free(s, X509_free).  NULL: refused.
 */
STACK_OF(X509) *
    tls_files_certificates(const struct tls_files *t, const char *path);
/* The same for CRLs. */
STACK_OF(X509_CRL) *
    tls_files_crls(const struct tls_files *t, const char *path);
/*
 * Gives the context a certificate with its chain (path) and the handle of the
 * key with this number.  False: refused.
 */
bool tls_files_use_pair(
    const struct tls_files *t, SSL_CTX *ctx, const char *path, unsigned key_no);

#endif
