/*
 * One listening socket, for clients or for rproxy: takes them off it as long as
 * the worker has room and the machine has descriptors.  Runs in the worker.
 */
#ifndef TLSD_WORKER_ACCEPTOR_H
#define TLSD_WORKER_ACCEPTOR_H

#include <stdbool.h>

#include "common/deadline.h"
#include "common/slice.h"
#include "common/watch.h"

struct listen_conf;
struct worker;

struct acceptor {
	struct worker *worker; /* borrowed, outlives us */
	/* borrowed from the configuration; NULL: the egress socket */
	const struct listen_conf *listen;
	struct watch watch;
	struct deadline rest;
	bool is_short; /* of descriptors or memory, already reported */
	bool is_full;  /* the worker has no room */
};

/* Takes over fd and starts; false: it cannot be watched, fd is closed. */
bool acceptor_start(struct acceptor *a, struct worker *w, int fd,
    const struct listen_conf *listen);
/* A connection has left: there is room again. */
void acceptor_resume(struct acceptor *a);
/* Closes the descriptor; others who listen on the socket go on.  Idempotent. */
void acceptor_stop(struct acceptor *a);

#endif
