/*
 * One SSL_CTX per site, made once at the start of a worker: certificate and
 * chain, the key as a handle of the signer's provider, versions, ciphers,
 * client certificates, tickets, ALPN.  Runs in the worker.
 */
#ifndef TLSD_WORKER_TLS_CONTEXT_H
#define TLSD_WORKER_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "tlsd/config.h"
#include "tlsd/ticket_keys.h"
#include "tlsd/worker/signer_client.h"

struct tls_contexts;

/*
 * Everything comes from the configuration and its bundle: no file is opened.
 * NULL: *error is a text (file and what is wrong), valid until the next call.
 */
struct tls_contexts *
tls_contexts_new(const struct tlsd_config *config, struct signer_client *signer,
    const struct ticket_keys *keys, const char **error);
void tls_contexts_free(struct tls_contexts *t);
/* The context a connection starts with; SNI then moves it to its site's. */
SSL_CTX *tls_contexts_first(const struct tls_contexts *t);
/*
 * fd (taken over) is a bundle of files that have changed: OCSP staples.
 * Returns how many of them are not served.
 */
unsigned tls_contexts_take_files(struct tls_contexts *t, int fd);

#endif
