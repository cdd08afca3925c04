/*
 * Connecting to the other daemon by its Unix socket.  While nobody listens
 * there (restart, crash, full queue) those who want a connection wait in order
 * instead of failing.  One per worker, on the loop.
 */
#ifndef COMMON_REACH_H
#define COMMON_REACH_H

#include <stdbool.h>
#include <sys/queue.h>

#include "common/addr.h"
#include "common/deadline.h"
#include "common/metrics.h"

/* One wish for a connection; embedded in the connection. */
struct reach_turn {
	TAILQ_ENTRY(reach_turn) entry;
	bool is_waiting;
	/* fd: non-blocking, connected, the receiver's to close */
	void (*on_connected)(struct reach_turn *t, int fd);
};

struct reach {
	struct addr address;
	struct metrics *metrics; /* borrowed */
	unsigned waiting_metric; /* a gauge: how many wait */
	/* of each attempt: errno, or 0 when it went well */
	void (*on_attempt)(struct reach *r, int error);
	TAILQ_HEAD(, reach_turn) waiting;
	struct deadline retry;
};

void reach_init(struct reach *r, const struct addr *address,
    struct deadlines *deadlines, struct metrics *metrics,
    unsigned waiting_metric, void (*on_attempt)(struct reach *r, int error));
/* Nobody may be waiting any more. */
void reach_fini(struct reach *r);

/*
 * A connected descriptor at once, or -1: then t waits, and on_connected runs
 * later from the loop unless reach_leave() comes first.  How long is the
 * caller's affair.
 */
int reach_connect(struct reach *r, struct reach_turn *t);
/* t waits as if a connection had just failed. */
void reach_wait(struct reach *r, struct reach_turn *t);
/* No longer waits; harmless when it does not. */
void reach_leave(struct reach *r, struct reach_turn *t);

#endif
