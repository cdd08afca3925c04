/*
 * The handshakes that are under way.  Runs in the worker, owned by it.
 *
 * When there are max_handshakes of them, the one whose client has been silent
 * longest is ended for each that comes: clients that connect and say nothing
 * crowd out each other and not those who want something.  One that waits for
 * the signer is never ended for that: the work has been done for it.  When all
 * wait for the signer, no more clients are accepted.
 */
#include "tlsd/worker/handshakes.h"

#include <stddef.h>

#include "common/check.h"

void
handshakes_init(struct handshakes *all, unsigned at_most)
{
	all->at_most = at_most;
	all->n = 0;
	TAILQ_INIT(&all->waiting);
}

bool
handshakes_have_room(const struct handshakes *all)
{
	return all->n < all->at_most || !TAILQ_EMPTY(&all->waiting);
}

void
handshakes_make_room(struct handshakes *all)
{
	struct handshake *oldest = TAILQ_FIRST(&all->waiting);

	if (all->n < all->at_most || oldest == NULL)
		return;
	oldest->on_crowded_out(oldest);
	CHECK(!oldest->is_counted);
}

void
handshakes_begin(struct handshakes *all, struct handshake *h)
{
	CHECK(!h->is_counted);
	h->is_counted = true;
	all->n++;
	handshakes_turn(all, h, true);
}

void
handshakes_turn(struct handshakes *all, struct handshake *h, bool is_clients)
{
	if (!h->is_counted || h->is_waiting == is_clients)
		return;
	h->is_waiting = is_clients;
	if (is_clients)
		TAILQ_INSERT_TAIL(&all->waiting, h, entry);
	else
		TAILQ_REMOVE(&all->waiting, h, entry);
}

bool
handshakes_end(struct handshakes *all, struct handshake *h)
{
	if (!h->is_counted)
		return false;
	handshakes_turn(all, h, false);
	h->is_counted = false;
	all->n--;
	return true;
}
