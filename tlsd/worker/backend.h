/*
 * The way to rproxy: connects one Unix stream per client and, while rproxy is
 * away (restart, crash, full queue), lets clients wait in order instead of
 * failing them.  One per worker, on the loop.
 */
#ifndef TLSD_WORKER_BACKEND_H
#define TLSD_WORKER_BACKEND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/addr.h"
#include "common/deadline.h"
#include "common/metrics.h"

/* One wish for a connection; embedded in the connection. */
struct backend_turn {
	TAILQ_ENTRY(backend_turn) entry;
	bool is_waiting;
	/* fd: non-blocking, connected, the receiver's to close */
	void (*on_connected)(struct backend_turn *t, int fd);
};

struct backend {
	struct addr address;     /* as seen from inside the chroot */
	const char *path;        /* as configured, for the log; borrowed */
	struct metrics *metrics; /* borrowed from the worker */
	uint64_t wait_ms; /* for the log only: who waits, waits so long */
	TAILQ_HEAD(, backend_turn) waiting;
	struct deadline retry;
	bool is_away; /* an episode, from the first failure to a success */
	uint64_t away_since_ms;
	uint64_t given_up;            /* clients, in this episode */
	struct backend_turn farewell; /* tells rproxy that we drain */
	uint32_t draining_generation; /* 0: not draining */
};

void
backend_init(struct backend *b, const struct addr *address, const char *path,
    struct deadlines *deadlines, struct metrics *metrics, uint64_t wait_ms);
/* Nobody may be waiting any more. */
void backend_fini(struct backend *b);

/*
 * A connected descriptor at once, or -1: then t waits, and on_connected runs
 * later from the loop unless backend_leave() comes first.
 */
int backend_connect(struct backend *b, struct backend_turn *t);
/* No longer waits; harmless when it does not. */
void backend_leave(struct backend *b, struct backend_turn *t);
/* Counts and reports a client that waited in vain. */
void backend_note_given_up(struct backend *b);

/*
 * Tells rproxy that the connections of this generation are to end: a PROXY v2
 * LOCAL header with the generation and the draining flag, on a connection of
 * its own; again after rproxy has been away, since a new one has not heard it.
 */
void backend_tell_draining(struct backend *b, uint32_t generation);

#endif
