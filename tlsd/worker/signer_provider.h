/*
 * The OpenSSL provider that signs by asking the signer.  Runs in the worker;
 * one per process, since OpenSSL's library context is.
 */
#ifndef TLSD_WORKER_SIGNER_PROVIDER_H
#define TLSD_WORKER_SIGNER_PROVIDER_H

#include <stdbool.h>

#include "tlsd/worker/signer_client.h"

/*
 * Loads the default provider and ours beside it; no file is opened.  client
 * is borrowed until signer_provider_fini().  False: OpenSSL refuses.
 */
bool signer_provider_init(struct signer_client *client);
void signer_provider_fini(void);

/*
 * Names the operation that the handshake about to run may use, NULL after it.
 * A signature asked for without one, or outside an asynchronous job, fails.
 */
void signer_provider_use(struct sign_op *op);
/*
 * The handshake that waits with op is to be resumed and to fail: its
 * signature is given up.
 */
void signer_provider_cancel(struct sign_op *op);

#endif
