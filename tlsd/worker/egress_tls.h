/*
 * TLS with an https server, as its client: what is offered and demanded, and
 * why it failed.  Over tls_io.  Runs in the worker.
 */
#ifndef TLSD_WORKER_EGRESS_TLS_H
#define TLSD_WORKER_EGRESS_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "common/egress_wire.h"
#include "tlsd/worker/egress_server.h"
#include "tlsd/worker/tls_io.h"

#define EGRESS_NAME_MAX 256 /* of a name in a certificate, with NUL */

struct egress_tls {
	struct tls_io io;
	struct sign_op sign;          /* of io */
	struct egress_server *server; /* borrowed from the worker's */
	bool is_asked;                /* for a client certificate */
	bool has_ticket;              /* for the next connection, in this one */
	/* of the certificate that was not accepted; X509_V_OK: none */
	int verdict;
	char subject[EGRESS_NAME_MAX];
	char issuer[EGRESS_NAME_MAX];
};

/* The callbacks that a context of struct egress_tls needs. */
void egress_tls_prepare(SSL_CTX *ctx);

/* False: out of memory. */
bool egress_tls_open(struct egress_tls *t, struct egress_server *server, int fd,
    void (*on_signed)(struct sign_op *op));
/* Idempotent; harmless on one that is all zero. */
void egress_tls_close(struct egress_tls *t);

/*
 * Whether a server of TLS 1.3 may still refuse our certificate, or that there
 * is none: its verdict comes behind the handshake.
 */
bool egress_tls_is_on_trial(const struct egress_tls *t);

/*
 * Why the handshake ended with v (TLS_FAILED, TLS_CLOSED, TLS_TRUNCATED), and
 * a text of at most room_bytes with its NUL, which may hold what a server has
 * put into its certificate.
 */
enum egress_code egress_tls_explain(const struct egress_tls *t,
    enum tls_verdict v, char *text, size_t room_bytes);

#endif
