/*
 * The handshakes that are under way.  Runs in the worker, owned by it.
 *
 * When there are max_handshakes of them, one whose client has been silent for
 * too long is ended for each that comes: clients that connect and say nothing
 * crowd out each other and not those who want something.  Too long is
 *
 *	100 ms	for the first word, which comes right behind the connection
 *	1 s	for an answer, which takes a way there and back
 *	never	at the signer, or while it waits for us
 *
 * As long as nobody has been silent for so long, no more clients are accepted
 * and the next ones wait in the kernel's queue.  Ending the oldest at once
 * would be no better than a flood when thousands come back at the same time:
 * each would be ended by those behind it, and the signature thrown away.
 *
 * A step of a handshake takes ten times as long as a request of a client that
 * is connected already.  So steps queue here, and after a few of them the
 * others have a turn.
 */
#include "tlsd/worker/handshakes.h"

#include <stddef.h>

#include "common/check.h"

static const uint64_t patience_ms[] = {
	[HANDSHAKE_HELLO] = 100,
	[HANDSHAKE_CLIENT] = 1000,
};

enum handshake_turn
handshake_turn_of(bool is_signing, bool has_answered)
{
	if (is_signing)
		return HANDSHAKE_SIGNER;
	return has_answered ? HANDSHAKE_CLIENT : HANDSHAKE_HELLO;
}

void
handshakes_init(struct handshakes *all, unsigned at_most)
{
	all->at_most = at_most;
	all->n = 0;
	for (unsigned i = 0; i < HANDSHAKE_TURNS; i++)
		TAILQ_INIT(&all->waiting[i]);
	TAILQ_INIT(&all->steps);
}

/* 0: there is one, *out; else when there will be, or may be. */
static uint64_t
find_silent(
    const struct handshakes *all, uint64_t now_ms, struct handshake **out)
{
	/* one that is at the signer now may be silent later */
	uint64_t soonest_ms = patience_ms[HANDSHAKE_HELLO];

	for (unsigned i = 0; i < ARRAY_LEN(patience_ms); i++) {
		struct handshake *oldest;
		uint64_t due_ms;

		/* one that waits for a step of ours is not silent */
		TAILQ_FOREACH (oldest, &all->waiting[i], entry)
			if (!oldest->wants_step)
				break;
		if (oldest == NULL)
			continue;
		due_ms = oldest->since_ms + patience_ms[i];
		*out = oldest;
		if (due_ms <= now_ms)
			return 0;
		if (due_ms - now_ms < soonest_ms)
			soonest_ms = due_ms - now_ms;
	}
	*out = NULL;
	return soonest_ms;
}

uint64_t
handshakes_room_in_ms(const struct handshakes *all, uint64_t now_ms)
{
	struct handshake *ignored;

	return all->n < all->at_most ? 0 : find_silent(all, now_ms, &ignored);
}

void
handshakes_make_room(struct handshakes *all, uint64_t now_ms)
{
	struct handshake *silent;
	unsigned n = all->n;

	if (n < all->at_most || find_silent(all, now_ms, &silent) > 0)
		return;
	silent->owner->on_crowded_out(silent);
	CHECK(all->n < n);
}

static void
enqueue(struct handshakes *all, struct handshake *h, enum handshake_turn turn,
    uint64_t now_ms)
{
	h->turn = turn;
	h->since_ms = now_ms;
	TAILQ_INSERT_TAIL(&all->waiting[turn], h, entry);
}

void
handshakes_begin(struct handshakes *all, struct handshake *h, uint64_t now_ms)
{
	CHECK(!h->is_counted);
	h->is_counted = true;
	all->n++;
	enqueue(all, h, HANDSHAKE_HELLO, now_ms);
}

void
handshakes_turn(struct handshakes *all, struct handshake *h,
    enum handshake_turn turn, uint64_t now_ms)
{
	if (!h->is_counted || h->turn == turn)
		return;
	TAILQ_REMOVE(&all->waiting[h->turn], h, entry);
	enqueue(all, h, turn, now_ms);
}

void
handshakes_want_step(struct handshakes *all, struct handshake *h)
{
	if (h->wants_step || !h->is_counted)
		return;
	h->wants_step = true;
	TAILQ_INSERT_TAIL(&all->steps, h, step_entry);
}

static void
drop_step(struct handshakes *all, struct handshake *h)
{
	if (h->wants_step)
		TAILQ_REMOVE(&all->steps, h, step_entry);
	h->wants_step = false;
}

bool
handshakes_step(struct handshakes *all)
{
	struct handshake *h;

	for (unsigned i = 0; i < HANDSHAKE_STEPS; i++) {
		if ((h = TAILQ_FIRST(&all->steps)) == NULL)
			return false;
		drop_step(all, h);
		h->owner->on_step(h);
	}
	return !TAILQ_EMPTY(&all->steps);
}

bool
handshakes_end(struct handshakes *all, struct handshake *h)
{
	if (!h->is_counted)
		return false;
	TAILQ_REMOVE(&all->waiting[h->turn], h, entry);
	drop_step(all, h);
	h->is_counted = false;
	all->n--;
	return true;
}
