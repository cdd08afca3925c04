/*
 * The worker's end of the channel to the signer: requests out, replies to the
 * operation that waits for them.  Runs in the worker, on the loop.
 */
#ifndef TLSD_WORKER_SIGNER_CLIENT_H
#define TLSD_WORKER_SIGNER_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "tlsd/protocol.h"

#define SIGNATURE_MAX 2048 /* bytes; RSA-16384 */

struct signer_client;

/* One signature under way; embedded in the connection. */
struct sign_op {
	uint32_t id; /* 0: idle */
	bool done;   /* a reply is here, or the channel has failed */
	enum sign_status status;
	unsigned char *signature; /* owned while done and not yet taken */
	size_t signature_bytes;
	uint64_t asked_us; /* for the metric */
	void (*on_done)(struct sign_op *op);

	/* the client's */
	TAILQ_ENTRY(sign_op) entry;
	enum {
		SIGN_OP_IDLE,
		SIGN_OP_UNSENT,
		SIGN_OP_SENT
	} place;
	enum sign_algorithm algorithm;
	uint16_t key_no;
	struct slice tbs; /* borrowed from the suspended handshake */

	/* signer_provider's: that handshake; NULL: none is suspended */
	struct async_job_st *job;
};

/*
 * Takes over fd, a blocking SOCK_SEQPACKET socket, reads the n_keys public
 * keys that the signer sends first (waits for them), then goes non-blocking
 * and onto the loop.  NULL: *error is a constant text and fd is closed.
 */
struct signer_client *
signer_client_new(uv_loop_t *loop, int fd, unsigned n_keys, const char **error);
/* No operation may be under way.  The loop must turn once more. */
void signer_client_free(struct signer_client *c);
/* SubjectPublicKeyInfo of a key, valid as long as the client. */
struct slice signer_client_key(const struct signer_client *c, unsigned key_no);
/* on_lost runs when a channel has ended, or cannot be used, and was not
 * replaced. */
void signer_client_on_lost(
    struct signer_client *c, void (*on_lost)(void *ctx), void *ctx);
/* False between the end of a channel and its replacement. */
bool signer_client_is_up(const struct signer_client *c);
/*
 * The master sent a channel to a new signer.  What the old one was asked and
 * has not answered fails (on_done runs before the call returns).
 */
void signer_client_replace(struct signer_client *c, int fd);
/*
 * Asks, or queues until the channel takes it, or until there is one; tbs must
 * stay where it is until the operation is done or cancelled.  False: it is too
 * long.  on_done runs later, from the loop.
 */
bool signer_client_ask(struct signer_client *c, struct sign_op *op,
    enum sign_algorithm a, unsigned key_no, struct slice tbs);
/* Forgets the operation: a late reply is dropped, on_done does not run. */
void signer_client_cancel(struct signer_client *c, struct sign_op *op);

#endif
