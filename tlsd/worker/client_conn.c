/*
 * One TLS client, from accept to last byte.  Runs in the worker.
 *
 *	(INTRO ->) HANDSHAKE -> WAIT -> ANNOUNCE -> RELAY -> DRAIN -> CLOSING
 *	                          ^                   |
 *	                          +--- crossed -------+
 *
 *	every state -> CLOSING	error, deadline, worker leaving
 *	HANDSHAKE, WAIT -> DRAIN	an alert or close_notify is to arrive
 *
 *	INTRO      a balancer's PROXY header is to come first
 *	HANDSHAKE  SSL_accept under way; the signer may hold the pen
 *	WAIT       nothing decrypted yet, rproxy has not been asked
 *	ANNOUNCE   header and first bytes are ready, rproxy is not
 *	RELAY      bytes both ways until both sides have ended
 *	DRAIN      the client has been told all; what it sends is dropped
 *	CLOSING    handles close; the last callback frees
 *
 * Each state has its deadline (state_ms) and is left by advance() alone,
 * which looks at what is there and may be called at any time.  Owned by the
 * worker's list.  Parses no HTTP.  RELAY and DRAIN are in client_relay.c.
 */
#include <unistd.h>

#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "tlsd/metrics_table.h"
#include "tlsd/worker/announce.h"
#include "tlsd/worker/client_conn_inner.h"
#include "tlsd/worker/handshake_report.h"

static void advance(struct client_conn *c);

/* the end ----------------------------------------------------------------- */

static void
on_gone(struct conn_pair *p)
{
	struct client_conn *c = container_of(p, struct client_conn, pair);
	struct worker *w = p->worker;

	TAILQ_REMOVE(&w->clients, c, entry);
	w->n_clients--;
	metrics_sub(w->metrics, TLSD_IN_CLOSING, 1);
	mem_free(c);
	worker_note_left(w);
}

static void
close_backend(struct client_conn *c)
{
	reach_leave(&c->pair.worker->backend.reach, &c->turn);
	conn_pair_close_plain(&c->pair);
}

static void
end_shake(struct client_conn *c)
{
	if (c->shake == NULL)
		return;
	if (handshakes_end(&c->pair.worker->handshakes, &c->shake->handshake))
		worker_note_shaken(c->pair.worker);
	mem_free(c->shake);
	c->shake = NULL;
}

static void
give_place(struct client_conn *c)
{
	struct addr peer = addr_from_ip(&c->peer);

	if (c->has_place)
		address_limit_give(c->pair.worker->addresses, &peer);
	c->has_place = false;
}

static void
close_all(struct client_conn *c)
{
	give_place(c);
	intro_free(c->intro);
	tls_io_close(&c->tls);
	end_shake(c);
	close_backend(c);
	conn_pair_close(&c->pair);
}

/* states ------------------------------------------------------------------ */

uint64_t
client_conn_state_ms(const struct client_conn *c)
{
	return client_state_ms(c->state, c->pair.worker->config,
	    client_conn_is_half_closed(c), c->pair.worker->is_leaving);
}

static void
set_state(struct client_conn *c, enum client_state to)
{
	CHECK(client_state_may_become(c->state, to));
	metrics_sub(c->pair.worker->metrics, TLSD_IN_INTRO + c->state, 1);
	metrics_add(c->pair.worker->metrics, TLSD_IN_INTRO + to, 1);
	c->state = to;
	/* what was reported has been used; the loop repeats what was not */
	c->pair.secure_ready = 0;
	c->pair.plain_ready = to == CLIENT_RELAY ? WATCH_WRITE : 0;
	if (to == CLIENT_CLOSING) {
		close_all(c);
		return;
	}
	if (to > CLIENT_HANDSHAKE)
		end_shake(c);
	if (to == CLIENT_DRAIN || to == CLIENT_WAIT)
		close_backend(c);
	deadline_set(&c->pair.deadline, client_conn_state_ms(c));
}

/* INTRO ------------------------------------------------------------------- */

static bool
take_place(struct client_conn *c)
{
	struct addr peer = addr_from_ip(&c->peer);

	c->has_place = address_limit_take(c->pair.worker->addresses, &peer);
	if (!c->has_place)
		handshake_report_refused(&c->pair.worker->report, &peer,
		    TLSD_REFUSED_ADDRESS, "max_connections_per_address");
	return c->has_place;
}

static enum client_state
step_intro(struct client_conn *c)
{
	struct addr balancer = addr_from_ip(&c->peer);
	const char *reason = "";

	if (!(c->pair.secure_ready & WATCH_READ))
		return c->state;
	switch (intro_read(c->intro, c->pair.secure.fd, &reason)) {
	case INTRO_MORE:
		return c->state;
	case INTRO_GONE: /* balancers look so whether we are there */
		return CLIENT_CLOSING;
	case INTRO_BAD:
		handshake_report_refused(&c->pair.worker->report, &balancer,
		    TLSD_REFUSED_INTRO, reason);
		return CLIENT_CLOSING;
	case INTRO_DONE:
		break;
	}
	if (c->intro->src.len > 0)
		c->peer = addr_to_ip(&c->intro->src);
	return take_place(c) ? CLIENT_HANDSHAKE : CLIENT_CLOSING;
}

/* HANDSHAKE --------------------------------------------------------------- */

static void
note_given_up(const struct client_conn *c, enum tlsd_metric m, const char *why)
{
	struct addr peer = addr_from_ip(&c->peer);

	handshake_report_given_up(
	    &c->pair.worker->report, &c->tls, &peer, m, why);
}

static void
on_step(struct handshake *h)
{
	advance(container_of(h, struct client_shake, handshake)->client);
}

static void
on_crowded_out(struct handshake *h)
{
	struct client_conn *c =
	    container_of(h, struct client_shake, handshake)->client;

	note_given_up(c, TLSD_FAILED_CROWDED_OUT, "crowded_out");
	set_state(c, CLIENT_CLOSING);
}

static const struct handshake_owner handshake_owner = {
	.on_step = on_step,
	.on_crowded_out = on_crowded_out,
};

static enum client_state
step_handshake(struct client_conn *c)
{
	struct addr peer = addr_from_ip(&c->peer);

	if (tls_io_is_signing(&c->tls))
		return c->state;
	switch (tls_io_handshake(&c->tls)) {
	case TLS_OK:
		handshake_report_done(&c->pair.worker->report, &c->tls);
		tls_io_settle(&c->tls);
		return CLIENT_WAIT;
	case TLS_WANT_READ:
	case TLS_WANT_WRITE:
	case TLS_WANT_SIGNER:
		return c->state;
	case TLS_CLOSED:
	case TLS_TRUNCATED:
		note_given_up(c, TLSD_FAILED_DISCONNECT, "disconnect");
		return CLIENT_CLOSING;
	case TLS_FAILED:
		handshake_report_failed(
		    &c->pair.worker->report, &c->tls, &peer);
		relay_end(&c->pair.relay, false);
		return CLIENT_DRAIN;
	}
	return CLIENT_CLOSING;
}

/* WAIT -------------------------------------------------------------------- */

static bool
append_header(struct client_conn *c)
{
	char id[UNIQUE_ID_MAX];
	struct addr dst = intro_destination(c->intro, c->pair.secure.fd);
	struct addr src = addr_from_ip(&c->peer);
	struct announce_from from = { .src = &src,
		.dst = &dst,
		.listener = slice_of(c->listen->name),
		.unique_id = worker_next_id(c->pair.worker, id),
		.generation = c->pair.worker->generation,
		.is_draining = c->pair.worker->is_leaving };

	return announce_append(&c->pair.relay.up, c->tls.ssl, &from);
}

static enum client_state
announce(struct client_conn *c, const char *first, size_t len)
{
	conn_pair_count(&c->pair, TLSD_BYTES_UP, len);
	if (append_header(c) &&
	    buf_append(&c->pair.relay.up, first, len, RELAY_UP_MAX))
		return CLIENT_ANNOUNCE;
	note_given_up(c, TLSD_REFUSED_MEMORY, "certificate_too_large");
	return CLIENT_CLOSING;
}

/* is_over: it has waited long enough.  What is here by now is taken. */
static enum client_state
step_wait(struct client_conn *c, bool is_over)
{
	enum relay_verdict v = RELAY_FINE;
	size_t n = 0;

	if (is_over || (c->pair.secure_ready & WATCH_READ) ||
	    tls_io_has_more(&c->tls))
		v = relay_read(&c->pair.relay, c->pair.worker->scratch, &n);
	if (v == RELAY_FINE && n > 0)
		return announce(c, c->pair.worker->scratch, n);
	/* the end of our last flight; a ticket waited for a request */
	(void)tls_io_flush(&c->tls);
	if (v == RELAY_FINE && c->pair.relay.up_way == RELAY_OPEN && !is_over)
		return c->state;
	if (v == RELAY_VANISHED)
		return CLIENT_CLOSING;
	/* nothing was asked, nothing is answered */
	relay_end(&c->pair.relay, v == RELAY_FINE);
	return CLIENT_DRAIN;
}

/* ANNOUNCE ---------------------------------------------------------------- */

static enum client_state
take_backend(struct client_conn *c, int fd)
{
	if (!conn_pair_open_plain(&c->pair, fd)) {
		close(fd);
		log_error("a client was closed: rproxy cannot be watched");
		return CLIENT_CLOSING;
	}
	relay_attach(&c->pair.relay, fd);
	return CLIENT_RELAY;
}

static void
on_connected(struct reach_turn *turn, int fd)
{
	struct client_conn *c = container_of(turn, struct client_conn, turn);

	set_state(c, take_backend(c, fd));
	advance(c);
}

static enum client_state
step_announce(struct client_conn *c)
{
	int fd;

	/* or the connection before it is still on its way out */
	if (c->turn.is_waiting || c->pair.n_handles > 1)
		return c->state;
	fd = reach_connect(&c->pair.worker->backend.reach, &c->turn);
	return fd >= 0 ? take_backend(c, fd) : c->state;
}

/* all --------------------------------------------------------------------- */

static enum client_state
step(struct client_conn *c)
{
	switch (c->state) {
	case CLIENT_INTRO:
		return step_intro(c);
	case CLIENT_HANDSHAKE:
		return step_handshake(c);
	case CLIENT_WAIT:
		return step_wait(c, false);
	case CLIENT_ANNOUNCE:
		return step_announce(c);
	case CLIENT_RELAY:
		return client_relay_step(c);
	case CLIENT_DRAIN:
		return client_relay_drain(c);
	case CLIENT_CLOSING:
		break;
	}
	return CLIENT_CLOSING;
}

/* Where the deadline of a state leads. */
static enum client_state
expire(struct client_conn *c)
{
	c->pair.is_expired = false;
	switch (c->state) {
	case CLIENT_INTRO:
	case CLIENT_HANDSHAKE:
		note_given_up(c, TLSD_FAILED_TIMEOUT, "timeout");
		return CLIENT_CLOSING;
	case CLIENT_WAIT:
		return step_wait(c, true);
	case CLIENT_ANNOUNCE:
		backend_note_given_up(&c->pair.worker->backend);
		return CLIENT_CLOSING;
	case CLIENT_RELAY:
		/* no close_notify: half a response must not look whole */
		conn_pair_count(&c->pair, TLSD_IDLE_TIMEOUTS,
		    !client_conn_is_half_closed(c));
		return CLIENT_CLOSING;
	case CLIENT_DRAIN:
	case CLIENT_CLOSING:
		break;
	}
	return CLIENT_CLOSING;
}

static void
match_interest(struct client_conn *c)
{
	switch (c->state) {
	case CLIENT_INTRO:
		watch_want(&c->pair.secure, WATCH_READ);
		return;
	case CLIENT_HANDSHAKE:
		handshakes_turn(&c->pair.worker->handshakes,
		    &c->shake->handshake,
		    handshake_turn_of(
			tls_io_is_signing(&c->tls), c->tls.has_written),
		    uv_now(&c->pair.worker->loop));
		watch_want(&c->pair.secure, tls_io_handshake_wants(&c->tls));
		return;
	case CLIENT_ANNOUNCE:
		watch_want(&c->pair.secure, 0);
		return;
	case CLIENT_WAIT:
	case CLIENT_RELAY:
	case CLIENT_DRAIN:
		conn_pair_want(&c->pair);
		return;
	case CLIENT_CLOSING:
		return;
	}
}

static void
want_step(struct client_conn *c)
{
	handshakes_want_step(&c->pair.worker->handshakes, &c->shake->handshake);
}

static void
advance(struct client_conn *c)
{
	enum client_state next = c->pair.is_expired ? expire(c) : step(c);

	while (next != c->state) {
		set_state(c, next);
		if (next == CLIENT_HANDSHAKE) { /* its steps queue */
			want_step(c);
			break;
		}
		next = step(c);
	}
	c->pair.secure_ready = 0;
	c->pair.plain_ready = 0;
	match_interest(c);
}

static void
on_event(struct conn_pair *p)
{
	struct client_conn *c = container_of(p, struct client_conn, pair);

	if (c->state == CLIENT_HANDSHAKE && !p->is_expired)
		want_step(c);
	else
		advance(c);
}

static const struct conn_pair_owner pair_owner = {
	.on_event = on_event,
	.on_gone = on_gone,
};

static void
on_signed(struct sign_op *op)
{
	struct client_conn *c =
	    container_of(op, struct client_shake, sign)->client;

	conn_pair_count_signature(&c->pair, op);
	advance(c);
}

/* the beginning ----------------------------------------------------------- */

static struct client_shake *
shake_new(struct client_conn *c)
{
	struct client_shake *s = mem_try(sizeof(*s));

	if (s == NULL)
		return NULL;
	*s = (struct client_shake){ .client = c,
		.handshake.owner = &handshake_owner,
		.sign.on_done = on_signed };
	return s;
}

static struct client_conn *
try_new(struct worker *w, int fd, bool has_intro)
{
	struct client_conn *c = mem_try(sizeof(*c));

	if (c == NULL)
		return NULL;
	conn_pair_init(&c->pair, w, &pair_owner);
	c->intro = has_intro ? intro_new() : NULL;
	c->shake = shake_new(c);
	if ((c->intro != NULL) == has_intro && c->shake != NULL &&
	    tls_io_open(&c->tls, tls_contexts_first(w->contexts), fd,
		&c->shake->sign) &&
	    conn_pair_open_secure(&c->pair, fd))
		return c;
	tls_io_close(&c->tls);
	mem_free(c->shake);
	intro_free(c->intro);
	mem_free(c);
	return NULL;
}

/* It exists from here on, in its first state. */
static void
enlist(struct client_conn *c, enum client_state first)
{
	struct worker *w = c->pair.worker;

	c->state = first;
	relay_init(&c->pair.relay, &c->tls,
	    w->config->backend_end == BACKEND_END_CLOSE, w->burst_bytes);
	deadline_set(&c->pair.deadline, client_conn_state_ms(c));
	TAILQ_INSERT_TAIL(&w->clients, c, entry);
	w->n_clients++;
	metrics_add(w->metrics, TLSD_IN_INTRO + first, 1);
	handshakes_make_room(&w->handshakes, uv_now(&w->loop));
	handshakes_begin(
	    &w->handshakes, &c->shake->handshake, uv_now(&w->loop));
	watch_want(&c->pair.secure, WATCH_READ);
}

void
client_conn_start(struct worker *w, int fd, const struct addr *peer,
    const struct listen_conf *listen)
{
	struct client_conn *c = try_new(w, fd, listen->proxy_protocol);

	if (c == NULL) {
		handshake_report_refused(
		    &w->report, peer, TLSD_REFUSED_MEMORY, "no_memory");
		close(fd);
		return;
	}
	c->peer = addr_to_ip(peer);
	c->listen = listen;
	c->turn.on_connected = on_connected;
	enlist(c, c->intro != NULL ? CLIENT_INTRO : CLIENT_HANDSHAKE);
	if (c->intro == NULL && !take_place(c))
		set_state(c, CLIENT_CLOSING);
}

void
client_conn_end_all(struct worker *w, bool at_once)
{
	struct client_conn *c;

	TAILQ_FOREACH (c, &w->clients, entry)
		if (at_once && c->state != CLIENT_CLOSING)
			set_state(c, CLIENT_CLOSING);
		else if (c->state == CLIENT_WAIT ||
			 client_conn_is_half_closed(c))
			deadline_set(
			    &c->pair.deadline, client_conn_state_ms(c));
}
