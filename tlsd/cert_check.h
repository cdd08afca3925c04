/*
 * Whether a chain of certificates will satisfy a browser.  Needs OpenSSL.
 * For the check of "tlsd -t".
 */
#ifndef TLSD_CERT_CHECK_H
#define TLSD_CERT_CHECK_H

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "common/conf.h"

/* Which line of which file names the certificates. */
struct cert_origin {
	struct conf_place at;
	const char *key;  /* "tls.certificate" */
	const char *path; /* of the PEM file */
};

/* Expired, or not valid yet: a warning for each. */
void cert_check_dates(STACK_OF(X509) * chain, const struct cert_origin *from,
    struct conf_faults *f);
/* Leaf first, then its issuer, and so on: a warning at the first break. */
void cert_check_order(STACK_OF(X509) * chain, const struct cert_origin *from,
    struct conf_faults *f);
/* Names ("*." too) that the leaf does not cover: one warning for all. */
void cert_check_names(X509 *leaf, const struct string_list *names,
    const struct cert_origin *from, struct conf_faults *f);
/*
 * CAs of clients that cannot be verified with: those which lead to no root in
 * all, and those without a list in crls (NULL: none are asked for).
 */
void cert_check_cas(STACK_OF(X509) * cas, STACK_OF(X509) * all,
    STACK_OF(X509_CRL) * crls, const struct cert_origin *from,
    struct conf_faults *f);
/*
 * What OpenSSL will not serve (short keys, weak digests): an error.  ctx is a
 * server's, as OpenSSL makes it, for this alone; chains may follow each other.
 */
void cert_check_strength(SSL_CTX *ctx, STACK_OF(X509) * chain,
    const struct cert_origin *from, struct conf_faults *f);

/* "2027-01-31 12:00:00 UTC" */
#define CERT_CHECK_TIME_MAX 32
const char *cert_check_time(const ASN1_TIME *t, char out[CERT_CHECK_TIME_MAX]);

#endif
