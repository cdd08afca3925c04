/*
 * One TLS client, from accept to last byte.  Runs in the worker.
 *
 *	HANDSHAKE -> WAIT -> ANNOUNCE -> RELAY -> DRAIN -> CLOSING
 *	    |         |         |          |        |
 *	    +---------+---------+----------+--------+--> CLOSING   error,
 *	    |         |                  deadline, worker leaving
 *	    +---------+---> DRAIN   an alert or close_notify is to arrive
 *
 *	HANDSHAKE  SSL_accept under way; the signer may hold the pen
 *	WAIT       nothing decrypted yet, rproxy has not been asked
 *	ANNOUNCE   header and first bytes are ready, rproxy is not
 *	RELAY      bytes both ways until both sides have ended
 *	DRAIN      the client has been told all; what it sends is dropped
 *	CLOSING    handles close; the last callback frees
 *
 * Each state has its deadline (state_ms) and is left by advance() alone,
 * which looks at what is there and may be called at any time.  Owned by the
 * worker's list.  Parses no HTTP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/watch.h"
#include "tlsd/metrics_table.h"
#include "tlsd/worker/announce.h"
#include "tlsd/worker/backend.h"
#include "tlsd/worker/client_conn.h"
#include "tlsd/worker/handshake_failure.h"
#include "tlsd/worker/relay.h"
#include "tlsd/worker/tls_io.h"
#include "tlsd/worker/worker.h"

/* Between our last byte and the client's. */
#define DRAIN_MS 1000
/* Silence of a client after rproxy has ended its half (a tunnel). */
#define HALF_CLOSED_MS 60000
#define UNIQUE_ID_MAX 32

enum client_state {
	CLIENT_HANDSHAKE,
	CLIENT_WAIT,
	CLIENT_ANNOUNCE,
	CLIENT_RELAY,
	CLIENT_DRAIN,
	CLIENT_CLOSING,
};

struct client_conn {
	struct worker *worker; /* borrowed, outlives us */
	TAILQ_ENTRY(client_conn) entry;
	enum client_state state;
	bool is_expired;       /* the state's deadline has passed */
	unsigned client_ready; /* reported by the watches, not yet used */
	unsigned backend_ready;
	unsigned n_handles; /* open or closing */
	struct watch client;
	struct watch backend; /* open from the end of ANNOUNCE on */
	struct tls_io tls;
	struct relay relay;
	struct backend_turn turn;
	struct deadline deadline;
	struct addr peer;
	struct slice listener; /* borrowed from the configuration */
};

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
	metrics_sub(w->metrics, TLSD_ACTIVE, 1);
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
	release(container_of(watch, struct client_conn, backend));
}

static void
close_backend(struct client_conn *c)
{
	backend_leave(&c->worker->backend, &c->turn);
	c->relay.backend_fd = -1;
	if (watch_is_open(&c->backend))
		watch_close(&c->backend, on_backend_closed);
}

static void
close_all(struct client_conn *c)
{
	deadline_fini(&c->deadline);
	tls_io_close(&c->tls);
	relay_fini(&c->relay);
	close_backend(c);
	watch_close(&c->client, on_client_closed);
}

/* states ------------------------------------------------------------------ */

static uint64_t
state_ms(const struct client_conn *c)
{
	const struct tlsd_config *config = c->worker->config;

	switch (c->state) {
	case CLIENT_HANDSHAKE:
	case CLIENT_WAIT:
		return config->handshake_timeout_ms;
	case CLIENT_ANNOUNCE:
		return config->backend_wait_ms;
	case CLIENT_RELAY:
		/* rproxy may leave unseen while it has nothing to send */
		return c->relay.down_way == RELAY_ENDED &&
			       config->idle_timeout_ms > HALF_CLOSED_MS
			   ? HALF_CLOSED_MS
			   : config->idle_timeout_ms;
	case CLIENT_DRAIN:
		return DRAIN_MS;
	case CLIENT_CLOSING:
		break;
	}
	return 0;
}

static void
set_state(struct client_conn *c, enum client_state to)
{
	static const unsigned allowed[] = {
		[CLIENT_HANDSHAKE] = 1u << CLIENT_WAIT | 1u << CLIENT_DRAIN |
				     1u << CLIENT_CLOSING,
		[CLIENT_WAIT] = 1u << CLIENT_ANNOUNCE | 1u << CLIENT_DRAIN |
				1u << CLIENT_CLOSING,
		[CLIENT_ANNOUNCE] = 1u << CLIENT_RELAY | 1u << CLIENT_CLOSING,
		[CLIENT_RELAY] = 1u << CLIENT_DRAIN | 1u << CLIENT_CLOSING,
		[CLIENT_DRAIN] = 1u << CLIENT_CLOSING,
		[CLIENT_CLOSING] = 0,
	};

	CHECK(allowed[c->state] & 1u << to);
	c->state = to;
	/* what was reported has been used; the loop repeats what was not */
	c->client_ready = 0;
	c->backend_ready = to == CLIENT_RELAY ? WATCH_WRITE : 0;
	if (to == CLIENT_CLOSING) {
		close_all(c);
		return;
	}
	if (to == CLIENT_DRAIN)
		close_backend(c);
	deadline_set(&c->deadline, state_ms(c));
}

/* HANDSHAKE --------------------------------------------------------------- */

static void
count(const struct client_conn *c, enum tlsd_metric m, uint64_t n)
{
	metrics_add(c->worker->metrics, m, n);
}

static void
note_failed(
    const struct client_conn *c, enum tlsd_metric class, const char *reason)
{
	const struct site_conf *site = tls_contexts_site(c->tls.ssl);
	char peer[ADDR_TEXT_MAX];

	count(c, class, 1);
	log_info("handshake failed: site %s, client %s: %s%s",
	    site != NULL ? site->name : "-", addr_format(&c->peer, peer),
	    reason,
	    class == TLSD_FAILED_BY_CLIENT ? " (alert from client)" : "");
}

static enum client_state
fail_handshake(struct client_conn *c)
{
	const char *error = tls_io_error(&c->tls);

	note_failed(
	    c, handshake_failure_class(error, c->tls.alert_from_peer), error);
	relay_end(&c->relay, false);
	return CLIENT_DRAIN;
}

static enum client_state
finish_handshake(struct client_conn *c)
{
	bool is_13 = SSL_version(c->tls.ssl) == TLS1_3_VERSION;
	bool is_resumed = SSL_session_reused(c->tls.ssl);

	if (is_13)
		count(c, is_resumed ? TLSD_TLS13_RESUMED : TLSD_TLS13_FULL, 1);
	else
		count(c, is_resumed ? TLSD_TLS12_RESUMED : TLSD_TLS12_FULL, 1);
	return CLIENT_WAIT;
}

static bool
is_signer_asked(const struct client_conn *c)
{
	return c->tls.sign.id != 0 && !c->tls.sign.done;
}

static enum client_state
step_handshake(struct client_conn *c)
{
	if (is_signer_asked(c))
		return c->state;
	switch (tls_io_handshake(&c->tls)) {
	case TLS_OK:
		return finish_handshake(c);
	case TLS_WANT_READ:
	case TLS_WANT_WRITE:
	case TLS_WANT_SIGNER:
		return c->state;
	case TLS_CLOSED:
	case TLS_TRUNCATED:
		note_failed(c, TLSD_FAILED_DISCONNECT, "disconnect");
		return CLIENT_CLOSING;
	case TLS_FAILED:
		return fail_handshake(c);
	}
	return CLIENT_CLOSING;
}

/* WAIT -------------------------------------------------------------------- */

/*
 * Joins the logs of both daemons: unique across workers, generations and
 * restarts.  At most 31 digits and dashes.
 */
static struct slice
make_unique_id(struct worker *w, char out[UNIQUE_ID_MAX])
{
	int n = snprintf(out, UNIQUE_ID_MAX, "%" PRIx64 "-%x-%x-%" PRIx64,
	    w->started_ms & 0xfffffffffff, w->generation & 0xffff,
	    w->index & 0xfff, ++w->n_announced & 0xffffffffff);

	CHECK(n > 0 && n < UNIQUE_ID_MAX);
	return (struct slice){ out, (size_t)n };
}

static bool
append_header(struct client_conn *c)
{
	char id[UNIQUE_ID_MAX];
	struct addr dst = { .len = sizeof(dst.u) };
	struct announce_from from = { .src = &c->peer,
		.dst = &dst,
		.listener = c->listener,
		.unique_id = make_unique_id(c->worker, id),
		.generation = c->worker->generation };

	if (getsockname(c->client.fd, &dst.u.sa, &dst.len) < 0)
		dst.len = 0;
	return announce_append(&c->relay.up, c->tls.ssl, &from);
}

static enum client_state
announce(struct client_conn *c, const char *first, size_t len)
{
	count(c, TLSD_BYTES_UP, len);
	if (append_header(c) &&
	    buf_append(&c->relay.up, first, len, RELAY_UP_MAX))
		return CLIENT_ANNOUNCE;
	log_error("a client was closed: out of memory");
	return CLIENT_CLOSING;
}

static enum client_state
step_wait(struct client_conn *c)
{
	enum relay_verdict v;
	size_t n;

	if (c->client_ready & WATCH_WRITE) /* the end of our last flight */
		(void)tls_io_flush(&c->tls);
	if (!(c->client_ready & WATCH_READ) && !tls_io_has_more(&c->tls))
		return c->state;
	v = relay_read(&c->relay, c->worker->scratch, &n);
	if (v == RELAY_FINE && n > 0)
		return announce(c, c->worker->scratch, n);
	if (v == RELAY_FINE && c->relay.up_way == RELAY_OPEN)
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
	advance(c);
}

static enum client_state
take_backend(struct client_conn *c, int fd)
{
	if (!watch_open(&c->backend, &c->worker->loop, fd, on_backend_ready)) {
		close(fd);
		log_error("a client was closed: rproxy cannot be watched");
		return CLIENT_CLOSING;
	}
	c->n_handles++;
	relay_attach(&c->relay, fd);
	return CLIENT_RELAY;
}

static void
on_connected(struct backend_turn *turn, int fd)
{
	struct client_conn *c = container_of(turn, struct client_conn, turn);

	set_state(c, take_backend(c, fd));
	advance(c);
}

static enum client_state
step_announce(struct client_conn *c)
{
	int fd;

	if (c->turn.is_waiting)
		return c->state;
	fd = backend_connect(&c->worker->backend, &c->turn);
	return fd >= 0 ? take_backend(c, fd) : c->state;
}

/* RELAY and DRAIN --------------------------------------------------------- */

static enum relay_verdict
run_relay(struct client_conn *c)
{
	struct relay_moved moved;
	enum relay_verdict v = relay_run(&c->relay, c->client_ready,
	    c->backend_ready, c->worker->scratch, &moved);

	if (moved.up > 0)
		count(c, TLSD_BYTES_UP, moved.up);
	if (moved.down > 0)
		count(c, TLSD_BYTES_DOWN, moved.down);
	/* writable: the other side has taken something */
	if (moved.up > 0 || moved.down > 0 ||
	    ((c->client_ready | c->backend_ready) & WATCH_WRITE))
		deadline_set(&c->deadline, state_ms(c));
	return v;
}

static enum client_state
step_relay(struct client_conn *c)
{
	switch (run_relay(c)) {
	case RELAY_VANISHED:
		count(c, TLSD_TRUNCATED, 1);
		return CLIENT_CLOSING;
	case RELAY_BROKEN:
		relay_end(&c->relay, false);
		return CLIENT_DRAIN;
	case RELAY_FINE:
		break;
	}
	if (relay_is_over(&c->relay))
		return CLIENT_CLOSING;
	return relay_is_lingering(&c->relay) ? CLIENT_DRAIN : c->state;
}

static enum client_state
step_drain(struct client_conn *c)
{
	struct relay_moved moved;
	enum relay_verdict v = relay_run(
	    &c->relay, c->client_ready, 0, c->worker->scratch, &moved);

	if (v == RELAY_FINE && !relay_is_over(&c->relay))
		return c->state;
	return CLIENT_CLOSING;
}

/* all --------------------------------------------------------------------- */

static enum client_state
step(struct client_conn *c)
{
	switch (c->state) {
	case CLIENT_HANDSHAKE:
		return step_handshake(c);
	case CLIENT_WAIT:
		return step_wait(c);
	case CLIENT_ANNOUNCE:
		return step_announce(c);
	case CLIENT_RELAY:
		return step_relay(c);
	case CLIENT_DRAIN:
		return step_drain(c);
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
	case CLIENT_HANDSHAKE:
		note_failed(c, TLSD_FAILED_TIMEOUT, "timeout");
		return CLIENT_CLOSING;
	case CLIENT_WAIT:
		relay_end(&c->relay, true);
		return CLIENT_DRAIN;
	case CLIENT_ANNOUNCE:
		backend_note_given_up(&c->worker->backend);
		return CLIENT_CLOSING;
	case CLIENT_RELAY:
		/* no close_notify: half a response must not look whole */
		count(c, TLSD_IDLE_TIMEOUTS, 1);
		return CLIENT_CLOSING;
	case CLIENT_DRAIN:
	case CLIENT_CLOSING:
		break;
	}
	return CLIENT_CLOSING;
}

static unsigned
handshake_wants(const struct client_conn *c)
{
	if (is_signer_asked(c))
		return 0;
	return buf_len(&c->tls.out) > 0 ? WATCH_READ | WATCH_WRITE : WATCH_READ;
}

static void
match_interest(struct client_conn *c)
{
	switch (c->state) {
	case CLIENT_HANDSHAKE:
		watch_want(&c->client, handshake_wants(c));
		return;
	case CLIENT_ANNOUNCE:
		watch_want(&c->client, 0);
		return;
	case CLIENT_RELAY:
		watch_want(&c->backend, relay_backend_wants(&c->relay));
		watch_want(&c->client, relay_client_wants(&c->relay));
		return;
	case CLIENT_WAIT:
	case CLIENT_DRAIN:
		watch_want(&c->client, relay_client_wants(&c->relay));
		return;
	case CLIENT_CLOSING:
		return;
	}
}

static void
advance(struct client_conn *c)
{
	enum client_state next = c->is_expired ? expire(c) : step(c);

	while (next != c->state) {
		set_state(c, next);
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
	struct client_conn *c = container_of(op, struct client_conn, tls.sign);

	count(c, TLSD_SIGNATURES, 1);
	count(c, TLSD_SIGNER_WAIT_US, clock_monotonic_us() - op->asked_us);
	advance(c);
}

/* the beginning ----------------------------------------------------------- */

static struct client_conn *
try_new(struct worker *w, int fd)
{
	struct client_conn *c = mem_try(sizeof(*c));

	if (c == NULL)
		return NULL;
	if (!tls_io_open(
		&c->tls, tls_contexts_first(w->contexts), fd, on_signed)) {
		mem_free(c);
		return NULL;
	}
	if (!watch_open(&c->client, &w->loop, fd, on_client_ready)) {
		tls_io_close(&c->tls);
		mem_free(c);
		return NULL;
	}
	return c;
}

void
client_conn_start(
    struct worker *w, int fd, const struct addr *peer, struct slice listener)
{
	struct client_conn *c = try_new(w, fd);

	if (c == NULL) {
		metrics_add(w->metrics, TLSD_REFUSED, 1);
		close(fd);
		return;
	}
	c->worker = w;
	c->backend.fd = -1;
	c->n_handles = 1;
	c->peer = *peer;
	c->listener = listener;
	c->turn.on_connected = on_connected;
	relay_init(&c->relay, &c->tls);
	deadline_init(&c->deadline, w->deadlines, on_expired);
	deadline_set(&c->deadline, state_ms(c));
	TAILQ_INSERT_TAIL(&w->clients, c, entry);
	w->n_clients++;
	metrics_add(w->metrics, TLSD_ACTIVE, 1);
	watch_want(&c->client, WATCH_READ);
}

void
client_conn_abort_all(struct worker *w)
{
	struct client_conn *c;

	TAILQ_FOREACH (c, &w->clients, entry)
		if (c->state != CLIENT_CLOSING)
			set_state(c, CLIENT_CLOSING);
}
