/*
 * Certificates and CRLs in PEM, and what a file is that is not PEM.  Needs
 * OpenSSL; opens no file.  For the check of "tlsd -t", and for the
 * worker's contexts.
 */
#ifndef TLSD_CERT_FILE_H
#define TLSD_CERT_FILE_H

#include <openssl/x509.h>

#include "common/slice.h"
#include "tlsd/cert_pool.h"

#define CERT_FILE_ERROR_MAX 1024

/*
 * All certificates of the file in their order, at least one, each from the
 * pool; the caller frees with sk_X509_pop_free(s, X509_free).  NULL: error says
 * what the file is and how to make PEM of it.  path is for that text only.
 */
STACK_OF(X509) * cert_file_read(struct cert_pool *pool, struct slice text,
		     const char *path, char error[CERT_FILE_ERROR_MAX]);

/* The same for CRLs: sk_X509_CRL_pop_free(s, X509_CRL_free). */
STACK_OF(X509_CRL) * cert_file_read_crls(struct cert_pool *pool,
			 struct slice text, const char *path,
			 char error[CERT_FILE_ERROR_MAX]);

/*
 * "is PKCS#12 ...", "is DER ...", "holds CERTIFICATE REQUEST ...": for a file
 * in which what (such as "certificate") was looked for in vain.
 */
void cert_file_explain(struct slice text, const char *path, const char *what,
    char error[CERT_FILE_ERROR_MAX]);

#endif
