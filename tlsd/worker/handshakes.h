/*
 * The handshakes of a worker that are under way, and who makes room when they
 * become too many.  Pure; times are in ms of the loop's clock.
 */
#ifndef TLSD_WORKER_HANDSHAKES_H
#define TLSD_WORKER_HANDSHAKES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* What a handshake waits for. */
enum handshake_turn {
	HANDSHAKE_HELLO,  /* the client's first word */
	HANDSHAKE_CLIENT, /* its answer to what we have sent */
	HANDSHAKE_SIGNER,
	HANDSHAKE_TURNS,
};

enum handshake_turn handshake_turn_of(bool is_signing, bool has_answered);

/* How many steps in a row, about 100 us each, before the others have a turn. */
#define HANDSHAKE_STEPS 8

struct handshake;

struct handshake_owner {
	/* runs in handshakes_step() */
	void (*on_step)(struct handshake *h);
	/* runs in handshakes_make_room(), and must end it */
	void (*on_crowded_out)(struct handshake *h);
};

/* One of them; embedded in the connection, all zero to begin with. */
struct handshake {
	const struct handshake_owner *owner; /* to be set */
	TAILQ_ENTRY(handshake) entry;
	TAILQ_ENTRY(handshake) step_entry;
	bool is_counted;
	bool wants_step;
	enum handshake_turn turn;
	uint64_t since_ms;
};

TAILQ_HEAD(handshake_list, handshake);

struct handshakes {
	unsigned at_most;
	unsigned n;
	struct handshake_list waiting[HANDSHAKE_TURNS]; /* oldest first */
	struct handshake_list steps;                    /* to be made */
};

void handshakes_init(struct handshakes *all, unsigned at_most);
/*
 * 0: another may begin, if need be in the place of one that has waited too
 * long.  Otherwise after how many ms it is worth to ask again.
 */
uint64_t handshakes_room_in_ms(const struct handshakes *all, uint64_t now_ms);
/* Ends one that has waited too long for its client, if they are too many. */
void handshakes_make_room(struct handshakes *all, uint64_t now_ms);

void
handshakes_begin(struct handshakes *all, struct handshake *h, uint64_t now_ms);
/* What it waits for from now on.  Idempotent. */
void handshakes_turn(struct handshakes *all, struct handshake *h,
    enum handshake_turn turn, uint64_t now_ms);
/* Its client has said something.  Idempotent. */
void handshakes_want_step(struct handshakes *all, struct handshake *h);
/* HANDSHAKE_STEPS of the steps that are wanted; true: there are more. */
bool handshakes_step(struct handshakes *all);
/* Done, failed or given up: true the first time. */
bool handshakes_end(struct handshakes *all, struct handshake *h);

#endif
