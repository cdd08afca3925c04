/*
 * A client whose handshake is behind it: RELAY and DRAIN.  Runs in the worker;
 * a part of client_conn.c, which calls it and does what it says.
 */
#include "tlsd/worker/client_conn_inner.h"

static enum relay_verdict
run_relay(struct client_conn *c)
{
	struct relay_moved moved;
	bool was_half_closed = client_conn_is_half_closed(c);
	enum relay_verdict v = conn_pair_run(&c->pair, &moved);

	if (moved.up > 0)
		c->pair.worker->has_served = true;
	conn_pair_count(&c->pair, TLSD_BYTES_UP, moved.up);
	conn_pair_count(&c->pair, TLSD_BYTES_DOWN, moved.down);
	/* writable: the other side has taken something */
	if (moved.up > 0 || moved.down > 0 ||
	    client_conn_is_half_closed(c) != was_half_closed ||
	    ((c->pair.secure_ready | c->pair.plain_ready) & WATCH_WRITE))
		deadline_set(&c->pair.deadline, client_conn_state_ms(c));
	return v;
}

/* Of the two that have met here the loop may tell in any order. */
static bool
is_crossed(const struct client_conn *c)
{
	uint64_t moved_ms = c->pair.deadline.due_ms - client_conn_state_ms(c);

	return ((c->pair.secure_ready | c->pair.plain_ready) & WATCH_READ) &&
	       relay_is_crossed(
		   &c->pair.relay, uv_now(&c->pair.worker->loop) - moved_ms);
}

enum client_state
client_relay_step(struct client_conn *c)
{
	if (is_crossed(c)) {
		conn_pair_count(&c->pair, TLSD_BACKEND_CROSSED, 1);
		return CLIENT_WAIT;
	}
	switch (run_relay(c)) {
	case RELAY_VANISHED:
		conn_pair_count(&c->pair, TLSD_TRUNCATED, 1);
		return CLIENT_CLOSING;
	case RELAY_BROKEN:
		conn_pair_count(&c->pair, TLSD_FLOODS, c->tls.is_flood);
		relay_end(&c->pair.relay, false);
		return CLIENT_DRAIN;
	case RELAY_FINE:
		break;
	}
	if (relay_is_over(&c->pair.relay))
		return CLIENT_CLOSING;
	return relay_is_lingering(&c->pair.relay) ? CLIENT_DRAIN : c->state;
}

enum client_state
client_relay_drain(struct client_conn *c)
{
	struct relay_moved moved;
	enum relay_verdict v = conn_pair_run(&c->pair, &moved);

	if (v == RELAY_FINE && !relay_is_over(&c->pair.relay))
		return c->state;
	return CLIENT_CLOSING;
}
