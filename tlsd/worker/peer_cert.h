/*
 * A client's certificate as text that rproxy need not parse out of DER.  Pure.
 */
#ifndef TLSD_WORKER_PEER_CERT_H
#define TLSD_WORKER_PEER_CERT_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "common/arena.h"
#include "common/slice.h"

/* Slices live in the arena. */
struct peer_cert {
	struct slice der;
	struct slice cn;          /* the last one, UTF-8; empty: none */
	struct slice subject;     /* RFC 2253 form, UTF-8 */
	struct slice issuer;      /* the same */
	struct slice serial;      /* upper-case hex */
	struct slice fingerprint; /* SHA-256, lower-case hex */
	struct slice not_before;  /* RFC 3339, UTC */
	struct slice not_after;
};

/* False: the arena is full or the certificate cannot be written out. */
bool peer_cert_read(struct peer_cert *out, X509 *leaf, struct arena *a);

/*
 * A verified chain (leaf first) as one run of bytes without the leaf and
 * without a self-signed root: what a session ticket carries.  Returns the
 * length, at least 1; 0 when room_bytes is short.
 */
size_t peer_cert_pack_chain(
    const STACK_OF(X509) * verified, char *out, size_t room_bytes);
/*
 * The certificates in what peer_cert_pack_chain() wrote, pointing into it;
 * at most max.  False: not such a thing.
 */
bool peer_cert_unpack_chain(
    struct slice packed, struct slice *chain, unsigned max, unsigned *n);

#endif
