/*
 * The way to https servers, for rproxy: the socket where it asks, the servers
 * it may have, the connections that there are.  One per worker, which owns it.
 */
#ifndef TLSD_WORKER_EGRESS_H
#define TLSD_WORKER_EGRESS_H

#include <stdbool.h>
#include <sys/queue.h>

#include "common/deadline.h"
#include "common/log_limit.h"
#include "tlsd/worker/egress_server.h"

struct egress_conn;
struct worker;

struct egress {
	struct worker *worker;          /* borrowed, outlives us */
	struct egress_servers *servers; /* owned */
	struct deadline refresh;        /* of the servers' addresses */
	struct log_limit lines;
	TAILQ_HEAD(, egress_conn) conns;
	unsigned n_conns;
};

/*
 * Before the sandbox, and after the contexts towards clients.  False: *error
 * is a text (file and what is wrong), valid until the next call.
 */
bool egress_init(struct egress *e, struct worker *w, const char **error);
/* Harmless on one that is all zero. */
void egress_fini(struct egress *e);

/* Takes over a connection that was accepted on the egress socket. */
void egress_admit(struct egress *e, int fd);

#endif
