/*
 * Certificates and CRLs, each parsed once: the issuer in a hundred chains, the
 * CA that a hundred sites trust.  Needs OpenSSL; opens no file.
 */
#ifndef TLSD_CERT_POOL_H
#define TLSD_CERT_POOL_H

#include <openssl/x509.h>

#include "common/slice.h"

struct cert_pool;

struct cert_pool *cert_pool_new(void);
/* What was taken lives on; takes NULL. */
void cert_pool_free(struct cert_pool *p);

/*
 * The certificate in der, shared with all who ask for the same bytes, so not
 * to be changed; the caller frees it with X509_free().  NULL: it is none, and
 * OpenSSL's queue of errors says why.
 */
X509 *cert_pool_take(struct cert_pool *p, struct slice der);
/* The same for a CRL: X509_CRL_free(). */
X509_CRL *cert_pool_take_crl(struct cert_pool *p, struct slice der);

#endif
