/*
 * One connection to an https server.  Runs in the worker.
 *
 *	TARGET -> CONNECT -> HANDSHAKE (-> TRIAL) -> RELAY -> CLOSING
 *
 *	every state -> CLOSING	error, deadline, rproxy gone, worker leaving
 *
 *	TARGET     rproxy is to say which server it wants
 *	CONNECT    connect() under way (egress_connect.c)
 *	HANDSHAKE  SSL_connect under way; the signer may hold the pen
 *	TRIAL      done, but the server may refuse our certificate (below)
 *	RELAY      rproxy knows the outcome; bytes both ways
 *	CLOSING    handles close; the last callback frees
 *
 * Until RELAY nothing of a request has been sent, so whatever goes wrong is
 * told to rproxy in one header (common/egress_wire.h), and it may ask for
 * another server.  The pool's connect_timeout covers CONNECT to TRIAL.
 *
 * TRIAL: in TLS 1.3 a client is done before the server has seen its
 * certificate, and a refusal would come behind the first request.  So where a
 * certificate was asked for we wait for what a server sends next, an alert or
 * a ticket; not long, for some send neither.
 *
 * A handshake does not stand in the queue of those with clients (handshakes.c):
 * rproxy keeps its connections, so there are few, and a flood of clients shall
 * not hold them up.
 *
 * In RELAY rproxy decides when it is over: it keeps connections for later
 * requests, and a draining worker waits for it.  Each way is bounded by the
 * relay's buffers.
 *
 * Each state is left by advance() alone, which looks at what is there and may
 * be called at any time.  Owned by the list of struct egress.
 */
#include "tlsd/worker/egress_conn.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "common/mem.h"
#include "tlsd/worker/egress_conn_inner.h"

/* For what comes right behind our last message, on the way there and back. */
#define TRIAL_MS 200
/* How often to look whether rproxy is there, where that does not show. */
#define LOOK_MS 2000

static void advance(struct egress_conn *c);

/* the end ------------------------------------------------------------------ */

static void
on_gone(struct conn_pair *p)
{
	struct egress_conn *c = container_of(p, struct egress_conn, pair);
	struct egress *e = c->home;

	TAILQ_REMOVE(&e->conns, c, entry);
	e->n_conns--;
	metrics_sub(e->worker->metrics, TLSD_EGRESS_OPEN, 1);
	mem_free(c);
	worker_note_left(e->worker);
}

static void
close_all(struct egress_conn *c)
{
	egress_tls_close(&c->tls);
	buf_release(&c->head);
	conn_pair_close(&c->pair);
}

static void
set_state(struct egress_conn *c, enum egress_state to)
{
	CHECK(to > c->state);
	c->state = to;
	/* what was reported has been used; the loop repeats what was not */
	c->pair.plain_ready = to == EGRESS_IN_RELAY ? WATCH_WRITE : 0;
	/* but not what OpenSSL holds */
	c->pair.secure_ready =
	    to == EGRESS_IN_RELAY && tls_io_has_more(&c->tls.io) ? WATCH_READ
								 : 0;
	if (to == EGRESS_IN_CLOSING)
		close_all(c);
}

static enum egress_state
succeed(struct egress_conn *c)
{
	if (!egress_outcome_succeed(c))
		return EGRESS_IN_CLOSING;
	deadline_clear(&c->pair.deadline);
	relay_attach(&c->pair.relay, c->pair.plain.fd);
	return EGRESS_IN_RELAY;
}

/* TARGET ------------------------------------------------------------------- */

static enum egress_state
take_target(struct egress_conn *c, const struct egress_target *t, size_t used)
{
	c->target = egress_servers_find(c->home->servers, t);
	if (c->target == NULL)
		return egress_outcome_fail(c, EGRESS_UNKNOWN,
		    "site %.*s, pool %.*s, https server %.*s: not in tlsd's "
		    "configuration",
		    SLICE_FMT(t->site), SLICE_FMT(t->pool),
		    SLICE_FMT(t->server));
	if (used < buf_len(&c->head))
		return egress_outcome_fail(c, EGRESS_UNKNOWN,
		    "bytes behind the header, before the outcome");
	buf_release(&c->head);
	return egress_connect_begin(c);
}

static enum egress_state
step_target(struct egress_conn *c)
{
	struct egress_target t;
	const char *reason = "";
	size_t used = 0;
	ssize_t n;

	if (!(c->pair.plain_ready & WATCH_READ))
		return c->state;
	if (!buf_reserve(
		&c->head, EGRESS_WIRE_MAX - buf_len(&c->head), EGRESS_WIRE_MAX))
		return egress_outcome_fail(c, EGRESS_SHORT, "out of memory");
	n = recv(
	    c->pair.plain.fd, buf_room(&c->head), buf_room_len(&c->head), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return c->state;
	if (n <= 0)
		return EGRESS_IN_CLOSING;
	buf_commit(&c->head, (size_t)n);
	switch (egress_wire_decode_target(
	    buf_slice(&c->head), &t, &used, &reason)) {
	case PROXY_V2_MORE:
		return c->state;
	case PROXY_V2_BAD:
		return egress_outcome_fail(
		    c, EGRESS_UNKNOWN, "malformed request: %s", reason);
	case PROXY_V2_DONE:
		break;
	}
	return take_target(c, &t, used);
}

/* CONNECT and HANDSHAKE ---------------------------------------------------- */

/* Or it has sent what it may not send yet: then it is no rproxy of ours. */
static bool
is_rproxy_gone(const struct egress_conn *c)
{
	char byte;

	if (!(c->pair.plain_ready & WATCH_READ))
		return false;
	return recv(c->pair.plain.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
	       (errno != EAGAIN && errno != EINTR);
}

static void
on_signed(struct sign_op *op)
{
	struct egress_conn *c = container_of(op, struct egress_conn, tls.sign);

	conn_pair_count_signature(&c->pair, op);
	advance(c);
}

static enum egress_state
step_connect(struct egress_conn *c)
{
	enum egress_state next = egress_connect_step(c);

	if (next != EGRESS_IN_HANDSHAKE)
		return next;
	if (!egress_tls_open(&c->tls, c->target, c->pair.secure.fd, on_signed))
		return egress_outcome_fail(c, EGRESS_SHORT, "out of memory");
	relay_init_to_server(
	    &c->pair.relay, &c->tls.io, c->pair.worker->burst_bytes);
	return EGRESS_IN_HANDSHAKE;
}

static enum egress_state
fail_handshake(struct egress_conn *c, enum tls_verdict v)
{
	char text[EGRESS_TEXT_MAX + 1];
	enum egress_code code =
	    egress_tls_explain(&c->tls, v, text, sizeof(text));

	return egress_outcome_fail_with(c, code, text);
}

static enum egress_state
begin_trial(struct egress_conn *c)
{
	uint64_t left_ms =
	    c->pair.deadline.due_ms - uv_now(&c->pair.worker->loop);

	if (left_ms > TRIAL_MS)
		deadline_set(&c->pair.deadline, TRIAL_MS);
	return EGRESS_IN_TRIAL;
}

static enum egress_state
step_handshake(struct egress_conn *c)
{
	enum tls_verdict v;

	if (tls_io_is_signing(&c->tls.io))
		return c->state;
	v = tls_io_handshake(&c->tls.io);
	switch (v) {
	case TLS_OK:
		return egress_tls_is_on_trial(&c->tls) ? begin_trial(c)
						       : succeed(c);
	case TLS_WANT_READ:
	case TLS_WANT_WRITE:
	case TLS_WANT_SIGNER:
		return c->state;
	case TLS_CLOSED:
	case TLS_TRUNCATED:
	case TLS_FAILED:
		break;
	}
	return fail_handshake(c, v);
}

/* TRIAL -------------------------------------------------------------------- */

/* What a server says before it was asked waits for rproxy. */
static enum egress_state
step_trial(struct egress_conn *c)
{
	struct relay *r = &c->pair.relay;
	char *scratch = c->pair.worker->scratch;
	size_t n = 0;
	enum tls_verdict v;

	if (c->pair.secure_ready & WATCH_WRITE)
		(void)tls_io_flush(&c->tls.io);
	if (!(c->pair.secure_ready & WATCH_READ) &&
	    !tls_io_has_more(&c->tls.io))
		return c->state;
	v = tls_io_read(&c->tls.io, scratch, RELAY_SCRATCH, &n);
	if (v == TLS_FAILED || v == TLS_TRUNCATED || v == TLS_CLOSED)
		return fail_handshake(c, v);
	if (n > 0 && !buf_append(&r->up, scratch, n, RELAY_UP_MAX))
		return egress_outcome_fail(c, EGRESS_SHORT, "out of memory");
	return n > 0 || c->tls.has_ticket ? succeed(c) : c->state;
}

/* RELAY -------------------------------------------------------------------- */

static enum relay_verdict
run_relay(struct egress_conn *c)
{
	struct relay_moved moved;
	enum relay_verdict v = conn_pair_run(&c->pair, &moved);

	conn_pair_count(&c->pair, TLSD_EGRESS_BYTES_UP, moved.down);
	conn_pair_count(&c->pair, TLSD_EGRESS_BYTES_DOWN, moved.up);
	return v;
}

/*
 * rproxy is not read while the server takes nothing, nor when it has ended its
 * half: that it has left is not reported then, and must be looked for.
 */
static void
look_later(struct egress_conn *c)
{
	if (!(relay_backend_wants(&c->pair.relay) & WATCH_READ) &&
	    !deadline_is_set(&c->pair.deadline))
		deadline_set(&c->pair.deadline, LOOK_MS);
}

static enum egress_state
look(struct egress_conn *c)
{
	struct pollfd p = { .fd = c->pair.plain.fd };

	if (poll(&p, 1, 0) == 1 && (p.revents & POLLHUP))
		return EGRESS_IN_CLOSING;
	look_later(c);
	return c->state;
}

/*
 * Closing rproxy's connection without a shutdown is what tells it that the
 * server did not end in order.
 */
static enum egress_state
step_relay(struct egress_conn *c)
{
	enum relay_verdict v = run_relay(c);

	egress_outcome_note_another(c);
	switch (v) {
	case RELAY_VANISHED:
		conn_pair_count(&c->pair, TLSD_EGRESS_TRUNCATED,
		    c->pair.relay.up_way != RELAY_ENDED);
		return EGRESS_IN_CLOSING;
	case RELAY_BROKEN:
		egress_outcome_note_late(c);
		(void)tls_io_flush(&c->tls.io);
		return EGRESS_IN_CLOSING;
	case RELAY_FINE:
		break;
	}
	if (relay_is_over(&c->pair.relay) || relay_is_lingering(&c->pair.relay))
		return EGRESS_IN_CLOSING;
	look_later(c);
	return c->state;
}

/* all ---------------------------------------------------------------------- */

static enum egress_state
step(struct egress_conn *c)
{
	if (c->state > EGRESS_IN_TARGET && c->state < EGRESS_IN_RELAY &&
	    is_rproxy_gone(c)) {
		conn_pair_count(&c->pair, TLSD_EGRESS_ABANDONED, 1);
		return EGRESS_IN_CLOSING;
	}
	switch (c->state) {
	case EGRESS_IN_TARGET:
		return step_target(c);
	case EGRESS_IN_CONNECT:
		return step_connect(c);
	case EGRESS_IN_HANDSHAKE:
		return step_handshake(c);
	case EGRESS_IN_TRIAL:
		return step_trial(c);
	case EGRESS_IN_RELAY:
		return step_relay(c);
	case EGRESS_IN_CLOSING:
		break;
	}
	return EGRESS_IN_CLOSING;
}

/* Where the deadline leads. */
static enum egress_state
expire(struct egress_conn *c)
{
	char where[ADDR_TEXT_MAX];

	c->pair.is_expired = false;
	switch (c->state) {
	case EGRESS_IN_TARGET:
		return egress_outcome_fail(
		    c, EGRESS_UNKNOWN, "no target was named in time");
	case EGRESS_IN_CONNECT:
		return egress_connect_expire(c);
	case EGRESS_IN_HANDSHAKE:
		return egress_outcome_fail(c, EGRESS_TIMEOUT,
		    "TLS handshake with %s: not done within connect_timeout",
		    addr_format(&c->addr, where));
	case EGRESS_IN_TRIAL: /* no objection is consent */
		return succeed(c);
	case EGRESS_IN_RELAY:
		return look(c);
	case EGRESS_IN_CLOSING:
		break;
	}
	return EGRESS_IN_CLOSING;
}

static void
match_interest(struct egress_conn *c)
{
	switch (c->state) {
	case EGRESS_IN_TARGET:
		watch_want(&c->pair.plain, WATCH_READ);
		return;
	case EGRESS_IN_CONNECT:
		watch_want(&c->pair.plain, WATCH_READ);
		watch_want(&c->pair.secure, WATCH_WRITE);
		return;
	case EGRESS_IN_HANDSHAKE:
		watch_want(&c->pair.plain, WATCH_READ);
		watch_want(&c->pair.secure, tls_io_handshake_wants(&c->tls.io));
		return;
	case EGRESS_IN_TRIAL:
		watch_want(&c->pair.plain, WATCH_READ);
		watch_want(&c->pair.secure, relay_client_wants(&c->pair.relay));
		return;
	case EGRESS_IN_RELAY:
		conn_pair_want(&c->pair);
		return;
	case EGRESS_IN_CLOSING:
		return;
	}
}

static void
advance(struct egress_conn *c)
{
	enum egress_state next = c->pair.is_expired ? expire(c) : step(c);

	while (next != c->state) {
		set_state(c, next);
		next = step(c);
	}
	c->pair.plain_ready = 0;
	c->pair.secure_ready = 0;
	match_interest(c);
}

static void
on_event(struct conn_pair *p)
{
	advance(container_of(p, struct egress_conn, pair));
}

static const struct conn_pair_owner pair_owner = {
	.on_event = on_event,
	.on_gone = on_gone,
};

bool
egress_conn_start(struct egress *e, int fd)
{
	struct egress_conn *c = mem_try(sizeof(*c));
	struct worker *w = e->worker;

	if (c == NULL)
		return false;
	conn_pair_init(&c->pair, w, &pair_owner);
	if (!conn_pair_open_plain(&c->pair, fd)) {
		mem_free(c);
		return false;
	}
	c->home = e;
	deadline_set(&c->pair.deadline, w->config->handshake_timeout_ms);
	TAILQ_INSERT_TAIL(&e->conns, c, entry);
	e->n_conns++;
	metrics_add(w->metrics, TLSD_EGRESS_OPEN, 1);
	watch_want(&c->pair.plain, WATCH_READ);
	return true;
}

void
egress_conn_end_all(struct egress *e)
{
	struct egress_conn *c;

	TAILQ_FOREACH (c, &e->conns, entry)
		if (c->state != EGRESS_IN_CLOSING)
			set_state(c, EGRESS_IN_CLOSING);
}
