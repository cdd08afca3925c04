/*
 * What a site speaks: versions, ciphers, groups and signatures, as the
 * configuration says or as we think best.  Needs OpenSSL.  For the worker's
 * contexts, and for "tlsd -t", which must refuse what they would.
 */
#ifndef TLSD_TLS_POLICY_H
#define TLSD_TLS_POLICY_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "common/site_conf.h"

/* What is wrong, and with which key of [tls]. */
struct tls_policy_fault {
	const char *key; /* "ciphers"; "" when it is none of them */
	char text[256];
};

/* False: fault is filled. */
bool tls_policy_apply(
    SSL_CTX *ctx, const struct tls_conf *tls, struct tls_policy_fault *fault);

/* Whether tls_policy_apply() does the same for both. */
bool tls_policy_is_same(const struct tls_conf *a, const struct tls_conf *b);

/*
 * What we speak as the client of a server behind us: nothing of it is
 * configured.  False: OpenSSL refuses.
 */
bool tls_policy_apply_client(SSL_CTX *ctx);

/*
 * The connection has been moved from the context of one site to that of
 * another: what OpenSSL copied from the first is put right.  False: out of
 * memory.
 */
bool tls_policy_move(
    SSL *ssl, const struct tls_conf *from, const struct tls_conf *to);

#endif
