/*
 * The way to rproxy (common/reach.h), with one Unix stream per client: what is
 * counted and logged of it, and what rproxy is told when we drain.  One per
 * worker, on the loop.
 */
#ifndef TLSD_WORKER_BACKEND_H
#define TLSD_WORKER_BACKEND_H

#include "common/reach.h"

struct backend {
	struct reach reach;      /* the address as seen from the chroot */
	const char *path;        /* as configured, for the log; borrowed */
	struct metrics *metrics; /* borrowed from the worker */
	uint64_t wait_ms; /* for the log only: who waits, waits so long */
	bool is_away;     /* an episode, from the first failure to a success */
	uint64_t away_since_ms;
	uint64_t given_up;            /* clients, in this episode */
	struct reach_turn farewell;   /* tells rproxy that we drain */
	uint32_t draining_generation; /* 0: not draining */
};

void
backend_init(struct backend *b, const struct addr *address, const char *path,
    struct deadlines *deadlines, struct metrics *metrics, uint64_t wait_ms);
/* Nobody may be waiting any more. */
void backend_fini(struct backend *b);

/* Counts and reports a client that waited in vain. */
void backend_note_given_up(struct backend *b);

/*
 * Tells rproxy that the connections of this generation are to end: a PROXY v2
 * LOCAL header with the generation and the draining flag, on a connection of
 * its own; again after rproxy has been away, since a new one has not heard it.
 */
void backend_tell_draining(struct backend *b, uint32_t generation);

#endif
