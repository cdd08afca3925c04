/*
 * The handshakes of a worker that are under way, and who makes room when they
 * become too many.  Pure.
 */
#ifndef TLSD_WORKER_HANDSHAKES_H
#define TLSD_WORKER_HANDSHAKES_H

#include <stdbool.h>
#include <sys/queue.h>

/* One of them; embedded in the connection, all zero to begin with. */
struct handshake {
	TAILQ_ENTRY(handshake) entry;
	bool is_counted;
	bool is_waiting; /* for its client: in the list */
	/* runs in handshakes_make_room(), and must end it */
	void (*on_crowded_out)(struct handshake *h);
};

struct handshakes {
	unsigned at_most;
	unsigned n;
	TAILQ_HEAD(, handshake) waiting; /* for their clients, oldest first */
};

void handshakes_init(struct handshakes *all, unsigned at_most);
/* Whether another may begin, if need be in the place of one that waits. */
bool handshakes_have_room(const struct handshakes *all);
/* Ends the one that has waited longest for its client, if they are too many. */
void handshakes_make_room(struct handshakes *all);

void handshakes_begin(struct handshakes *all, struct handshake *h);
/* Whose turn it is: the client's, or ours (the signer's).  Idempotent. */
void
handshakes_turn(struct handshakes *all, struct handshake *h, bool is_clients);
/* Done, failed or given up: true the first time. */
bool handshakes_end(struct handshakes *all, struct handshake *h);

#endif
