/*
 * The PROXY header, version 1 or 2, with which a balancer begins a connection
 * that it passes on.  Runs in the worker.
 */
#ifndef TLSD_WORKER_INTRO_H
#define TLSD_WORKER_INTRO_H

#include "common/addr.h"
#include "common/buf.h"

/* A header that says more is refused: nobody needs so many words. */
#define INTRO_MAX 4096

struct intro {
	struct buf in; /* as much of the header as there is */
	/* when done; empty: the connection's own ends count (a health check of
	 * the balancer, or a client it does not name) */
	struct addr src;
	struct addr dst;
};

enum intro_verdict {
	INTRO_DONE,
	INTRO_MORE,
	INTRO_GONE,
	INTRO_BAD,
};

/*
 * Reads from fd what belongs to the header and not a byte more.  BAD: *reason
 * is a constant text.
 */
enum intro_verdict intro_read(struct intro *i, int fd, const char **reason);

struct intro *intro_new(void); /* NULL: memory is short */
void intro_free(struct intro *i);

/*
 * Where the client has connected: what the balancer says, and if it does not,
 * or there is none (i NULL), fd's own address; len 0: unknown.
 */
struct addr intro_destination(const struct intro *i, int fd);

#endif
