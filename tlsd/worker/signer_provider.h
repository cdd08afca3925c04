/*
 * The OpenSSL provider that signs by asking the signer.  Runs in the worker;
 * one per process, since OpenSSL's library context is.
 */
#ifndef TLSD_WORKER_SIGNER_PROVIDER_H
#define TLSD_WORKER_SIGNER_PROVIDER_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "tlsd/worker/signer_client.h"

/*
 * Loads the default provider and ours beside it; no file is opened.  client
 * is borrowed until signer_provider_fini().  False: OpenSSL refuses.
 */
bool signer_provider_init(struct signer_client *client);
void signer_provider_fini(void);

enum signer_provider_step {
	SIGNER_PROVIDER_RETURNED,
	SIGNER_PROVIDER_SUSPENDED, /* call again when op is done */
	SIGNER_PROVIDER_NO_MEMORY, /* for a job; OpenSSL was not asked */
};

/*
 * SSL_do_handshake() in an asynchronous job, whose signature is asked for by
 * op; the only way in which one is given.  *ret is what it has RETURNED.
 */
enum signer_provider_step
signer_provider_handshake(SSL *ssl, struct sign_op *op, int *ret);
/*
 * OpenSSL keeps a stack for each handshake that has ever been suspended at the
 * same time as others.  False: one is now, and all stay.
 */
bool signer_provider_give_back(void);
/*
 * The handshake that waits with op is to be resumed and to fail: its
 * signature is given up.
 */
void signer_provider_cancel(struct sign_op *op);

#endif
