/*
 * Session tickets: how sessions are resumed.  Runs in the worker.
 */
#ifndef TLSD_WORKER_TICKETS_H
#define TLSD_WORKER_TICKETS_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "common/slice.h"
#include "tlsd/ticket_keys.h"

/* Before the first context; what keys points to is borrowed.  False: OpenSSL
 * lacks what it takes. */
bool tickets_init(const struct ticket_keys *keys);
void tickets_fini(void);
/*
 * Sessions of this context are resumed by ticket and in no other way, for so
 * long after their full handshake.
 */
void tickets_use(SSL_CTX *ctx, uint64_t lifetime_ms);
/*
 * The packed chain (peer_cert.h) that the ticket of a resumed session
 * brought; empty when there is none.  Valid as long as the session.
 */
struct slice tickets_chain(const SSL *ssl);
/*
 * The handshake is done and its tickets are made: of a full one, what they
 * carry is not needed here.
 */
void tickets_settle(SSL *ssl);

#endif
