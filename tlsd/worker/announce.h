/*
 * What is said to rproxy about a client once its handshake is done: the facts
 * of the TLS session as a PROXY v2 header.  Runs in the worker.
 */
#ifndef TLSD_WORKER_ANNOUNCE_H
#define TLSD_WORKER_ANNOUNCE_H

#include <openssl/ssl.h>

#include "common/addr.h"
#include "common/buf.h"

/* What the connection knows and OpenSSL does not. */
struct announce_from {
	const struct addr *src;
	const struct addr *dst;
	struct slice listener;  /* name of the [listen NAME] section */
	struct slice unique_id; /* at most 128 bytes */
	uint32_t generation;
	bool is_draining; /* that generation drains: one answer, then the end */
};

/* Appends the header to out; false: memory is short. */
bool announce_append(
    struct buf *out, const SSL *ssl, const struct announce_from *from);

#endif
