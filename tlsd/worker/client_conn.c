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
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "tlsd/metrics_table.h"
#include "tlsd/worker/announce.h"
#include "tlsd/worker/client_conn_inner.h"
#include "tlsd/worker/handshake_report.h"

static void advance(struct client_conn *c);

/* the end ----------------------------------------------------------------- */

static void
release(struct client_conn *c)
{
	struct worker *w = c->worker;

	if (--c->n_handles > 0)
		return;
	TAILQ_REMOVE(&w->clients, c, entry);
	w->n_clients--;
	metrics_sub(w->metrics, TLSD_IN_CLOSING, 1);
	mem_free(c);
	worker_note_left(w);
}

static void
on_client_closed(struct watch *watch)
{
	release(container_of(watch, struct client_conn, client));
}

static void
on_backend_closed(struct watch *watch)
{
	struct client_conn *c =
	    container_of(watch, struct client_conn, backend);
	bool is_awaited = c->state == CLIENT_ANNOUNCE;

	release(c);
	if (is_awaited)
		advance(c);
}

static void
close_backend(struct client_conn *c)
{
	reach_leave(&c->worker->backend.reach, &c->turn);
	c->relay.backend_fd = -1;
	if (watch_is_open(&c->backend))
		watch_close(&c->backend, on_backend_closed);
}

static void
end_shake(struct client_conn *c)
{
	if (c->shake == NULL)
		return;
	if (handshakes_end(&c->worker->handshakes, &c->shake->handshake))
		worker_note_shaken(c->worker);
	mem_free(c->shake);
	c->shake = NULL;
}

static void
give_place(struct client_conn *c)
{
	struct addr peer = addr_from_ip(&c->peer);

	if (c->has_place)
		address_limit_give(c->worker->addresses, &peer);
	c->has_place = false;
}

static void
close_all(struct client_conn *c)
{
	deadline_fini(&c->deadline);
	give_place(c);
	intro_free(c->intro);
	tls_io_close(&c->tls);
	end_shake(c);
	relay_fini(&c->relay);
	close_backend(c);
	watch_close(&c->client, on_client_closed);
}

/* states ------------------------------------------------------------------ */

uint64_t
client_conn_state_ms(const struct client_conn *c)
{
	return client_state_ms(c->state, c->worker->config,
	    client_conn_is_half_closed(c), c->worker->is_leaving);
}

static void
set_state(struct client_conn *c, enum client_state to)
{
	CHECK(client_state_may_become(c->state, to));
	metrics_sub(c->worker->metrics, TLSD_IN_INTRO + c->state, 1);
	metrics_add(c->worker->metrics, TLSD_IN_INTRO + to, 1);
	c->state = to;
	/* what was reported has been used; the loop repeats what was not */
	c->client_ready = 0;
	c->backend_ready = to == CLIENT_RELAY ? WATCH_WRITE : 0;
	if (to == CLIENT_CLOSING) {
		close_all(c);
		return;
	}
	if (to > CLIENT_HANDSHAKE)
		end_shake(c);
	if (to == CLIENT_DRAIN || to == CLIENT_WAIT)
		close_backend(c);
	deadline_set(&c->deadline, client_conn_state_ms(c));
}

/* INTRO ------------------------------------------------------------------- */

static bool
take_place(struct client_conn *c)
{
	struct addr peer = addr_from_ip(&c->peer);

	c->has_place = address_limit_take(c->worker->addresses, &peer);
	if (!c->has_place)
		handshake_report_refused(&c->worker->report, &peer,
		    TLSD_REFUSED_ADDRESS, "max_connections_per_address");
	return c->has_place;
}

static enum client_state
step_intro(struct client_conn *c)
{
	struct addr balancer = addr_from_ip(&c->peer);
	const char *reason = "";

	if (!(c->client_ready & WATCH_READ))
		return c->state;
	switch (intro_read(c->intro, c->client.fd, &reason)) {
	case INTRO_MORE:
		return c->state;
	case INTRO_GONE: /* balancers look so whether we are there */
		return CLIENT_CLOSING;
	case INTRO_BAD:
		handshake_report_refused(
		    &c->worker->report, &balancer, TLSD_REFUSED_INTRO, reason);
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

	handshake_report_given_up(&c->worker->report, &c->tls, &peer, m, why);
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
		handshake_report_done(&c->worker->report, &c->tls);
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
		handshake_report_failed(&c->worker->report, &c->tls, &peer);
		relay_end(&c->relay, false);
		return CLIENT_DRAIN;
	}
	return CLIENT_CLOSING;
}

/* WAIT -------------------------------------------------------------------- */

static bool
append_header(struct client_conn *c)
{
	char id[UNIQUE_ID_MAX];
	struct addr dst = intro_destination(c->intro, c->client.fd);
	struct addr src = addr_from_ip(&c->peer);
	struct announce_from from = { .src = &src,
		.dst = &dst,
		.listener = slice_of(c->listen->name),
		.unique_id = worker_next_id(c->worker, id),
		.generation = c->worker->generation,
		.is_draining = c->worker->is_leaving };

	return announce_append(&c->relay.up, c->tls.ssl, &from);
}

static enum client_state
announce(struct client_conn *c, const char *first, size_t len)
{
	client_conn_count(c, TLSD_BYTES_UP, len);
	if (append_header(c) &&
	    buf_append(&c->relay.up, first, len, RELAY_UP_MAX))
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

	if (is_over || (c->client_ready & WATCH_READ) ||
	    tls_io_has_more(&c->tls))
		v = relay_read(&c->relay, c->worker->scratch, &n);
	if (v == RELAY_FINE && n > 0)
		return announce(c, c->worker->scratch, n);
	/* the end of our last flight; a ticket waited for a request */
	(void)tls_io_flush(&c->tls);
	if (v == RELAY_FINE && c->relay.up_way == RELAY_OPEN && !is_over)
		return c->state;
	if (v == RELAY_VANISHED)
		return CLIENT_CLOSING;
	/* nothing was asked, nothing is answered */
	relay_end(&c->relay, v == RELAY_FINE);
	return CLIENT_DRAIN;
}

/* ANNOUNCE ---------------------------------------------------------------- */

static void
on_backend_ready(struct watch *watch, unsigned events)
{
	struct client_conn *c =
	    container_of(watch, struct client_conn, backend);

	c->backend_ready |= events;
	c->relay.backend_end = watch->end;
	advance(c);
}

static enum client_state
take_backend(struct client_conn *c, int fd)
{
	if (!watch_open_own(
		&c->backend, &c->worker->loop, fd, on_backend_ready)) {
		close(fd);
		log_error("a client was closed: rproxy cannot be watched");
		return CLIENT_CLOSING;
	}
	c->n_handles++;
	relay_attach(&c->relay, fd);
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
	if (c->turn.is_waiting || c->n_handles > 1)
		return c->state;
	fd = reach_connect(&c->worker->backend.reach, &c->turn);
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
	c->is_expired = false;
	switch (c->state) {
	case CLIENT_INTRO:
	case CLIENT_HANDSHAKE:
		note_given_up(c, TLSD_FAILED_TIMEOUT, "timeout");
		return CLIENT_CLOSING;
	case CLIENT_WAIT:
		return step_wait(c, true);
	case CLIENT_ANNOUNCE:
		backend_note_given_up(&c->worker->backend);
		return CLIENT_CLOSING;
	case CLIENT_RELAY:
		/* no close_notify: half a response must not look whole */
		client_conn_count(
		    c, TLSD_IDLE_TIMEOUTS, !client_conn_is_half_closed(c));
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
		watch_want(&c->client, WATCH_READ);
		return;
	case CLIENT_HANDSHAKE:
		handshakes_turn(&c->worker->handshakes, &c->shake->handshake,
		    handshake_turn_of(
			tls_io_is_signing(&c->tls), c->tls.has_written),
		    uv_now(&c->worker->loop));
		watch_want(&c->client, tls_io_handshake_wants(&c->tls));
		return;
	case CLIENT_ANNOUNCE:
		watch_want(&c->client, 0);
		return;
	case CLIENT_RELAY:
		watch_want(&c->backend, relay_backend_wants(&c->relay));
		/* FALLTHROUGH */
	case CLIENT_WAIT:
	case CLIENT_DRAIN:
		watch_want(&c->client, relay_client_wants(&c->relay));
		return;
	case CLIENT_CLOSING:
		return;
	}
}

static void
want_step(struct client_conn *c)
{
	handshakes_want_step(&c->worker->handshakes, &c->shake->handshake);
}

static void
advance(struct client_conn *c)
{
	enum client_state next = c->is_expired ? expire(c) : step(c);

	while (next != c->state) {
		set_state(c, next);
		if (next == CLIENT_HANDSHAKE) { /* its steps queue */
			want_step(c);
			break;
		}
		next = step(c);
	}
	c->client_ready = 0;
	c->backend_ready = 0;
	match_interest(c);
}

static void
on_client_ready(struct watch *watch, unsigned events)
{
	struct client_conn *c = container_of(watch, struct client_conn, client);

	c->client_ready |= events;
	if (c->state == CLIENT_HANDSHAKE)
		want_step(c);
	else
		advance(c);
}

static void
on_expired(struct deadline *d)
{
	struct client_conn *c = container_of(d, struct client_conn, deadline);

	c->is_expired = true;
	advance(c);
}

static void
on_signed(struct sign_op *op)
{
	struct client_conn *c =
	    container_of(op, struct client_shake, sign)->client;

	client_conn_count(c, TLSD_SIGNATURES, 1);
	client_conn_count(
	    c, TLSD_SIGNER_WAIT_US, clock_monotonic_us() - op->asked_us);
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
	c->intro = has_intro ? intro_new() : NULL;
	c->shake = shake_new(c);
	if ((c->intro != NULL) == has_intro && c->shake != NULL &&
	    tls_io_open(&c->tls, tls_contexts_first(w->contexts), fd,
		&c->shake->sign) &&
	    watch_open_own(&c->client, &w->loop, fd, on_client_ready))
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
	struct worker *w = c->worker;

	c->state = first;
	relay_init(&c->relay, &c->tls,
	    w->config->backend_end == BACKEND_END_CLOSE, w->burst_bytes);
	deadline_init(&c->deadline, w->deadlines, on_expired);
	deadline_set(&c->deadline, client_conn_state_ms(c));
	TAILQ_INSERT_TAIL(&w->clients, c, entry);
	w->n_clients++;
	metrics_add(w->metrics, TLSD_IN_INTRO + first, 1);
	handshakes_make_room(&w->handshakes, uv_now(&w->loop));
	handshakes_begin(
	    &w->handshakes, &c->shake->handshake, uv_now(&w->loop));
	watch_want(&c->client, WATCH_READ);
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
	c->worker = w;
	c->backend.fd = -1;
	c->n_handles = 1;
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
			deadline_set(&c->deadline, client_conn_state_ms(c));
}
