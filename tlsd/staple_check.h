/*
 * Whether a file is an OCSP response that may be served for a certificate.
 * Needs OpenSSL; pure.  For the worker, and for "tlsd -t".
 */
#ifndef TLSD_STAPLE_CHECK_H
#define TLSD_STAPLE_CHECK_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <time.h>

#include "common/slice.h"

enum staple_verdict {
	STAPLE_GOOD,
	STAPLE_FOREIGN, /* speaks of another certificate */
	STAPLE_BAD,
};

/*
 * der is what the file holds.  With an issuer the signature is checked too;
 * NULL: it is not at hand.  GOOD: *until is when the response ends.
 * Otherwise *reason is a constant text.
 */
enum staple_verdict staple_check(struct slice der, X509 *leaf, X509 *issuer,
    time_t now, time_t *until, const char **reason);

/* The certificate of chain (may be NULL) that signed leaf; NULL: none. */
X509 *staple_find_issuer(const STACK_OF(X509) * chain, X509 *leaf);

#endif
