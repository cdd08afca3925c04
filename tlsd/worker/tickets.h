/*
 * Session tickets: how sessions are resumed.  Runs in the worker.
 */
#ifndef TLSD_WORKER_TICKETS_H
#define TLSD_WORKER_TICKETS_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "tlsd/worker/signer_client.h"

/* Before the first context; false: OpenSSL lacks what it takes. */
bool tickets_init(const struct signer_client *signer); /* borrowed */
void tickets_fini(void);
/* Sessions of this context are resumed by ticket and in no other way. */
void tickets_use(SSL_CTX *ctx);
/*
 * The packed chain (peer_cert.h) that the ticket of a resumed session
 * brought; empty when there is none.  Valid as long as the session.
 */
struct slice tickets_chain(const SSL *ssl);

#endif
