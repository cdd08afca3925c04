/*
 * One connection to a server.  Runs in the worker.
 *
 *	CONNECTING --------------> BUSY <-> IDLE	http
 *	WAITING --> ASKING --------^ +-------+--> ENDING	https
 *	   ^-- LOST <-+
 *
 * and from each of them to CLOSED.  What lies before BUSY is in
 * server_connect.c.
 *
 *	BUSY        an exchange reads, writes and sets the deadline
 *	IDLE        in the pool; watched: its end, or any byte, drops it (RFC
 *		    9112 section 9.2: what nobody asked for is no response);
 *		    it may have come already when an exchange takes it, and
 *		    be reported to that: see spoke_first
 *	ENDING      https: nobody's any more; tlsd has been told
 *
 * Owned by the exchange while BUSY, by the pool while IDLE.
 */
#include <errno.h>
#include <sys/socket.h>

#include "rproxy/metrics_table.h"
#include "rproxy/upstream/idle.h"
#include "rproxy/upstream/server_conn_inner.h"

#define ENDING_MS 1000 /* for the server's own close_notify */

void
server_conn_count(const struct server_conn *s, unsigned metric, int n)
{
	struct metrics *m = upstream_metrics(s->server->home);

	if (n > 0)
		metrics_add(m, metric, (uint64_t)n);
	else
		metrics_sub(m, metric, (uint64_t)-n);
}

static void
on_closed(struct watch *w)
{
	struct server_conn *s =
	    container_of(stream_of(w), struct server_conn, stream);

	if (s->state == SERVER_LOST)
		server_connect_wait(s);
	else
		server_conn_give(s->server->home, s);
}

static void
leave_idle(struct server_conn *s)
{
	TAILQ_REMOVE(idle_list(s->server, s->client), s, entry);
	s->server->n_idle--;
	server_conn_count(s, M_SERVER_IDLE, -1);
}

/*
 * For tlsd a close is an abort, and for the server behind it an end without
 * close_notify, unless a shutdown was seen before: so tlsd has to close first.
 * False: there is nothing to wait for.
 */
static bool
end_in_order(struct server_conn *s)
{
	if (!s->server->conf->https || s->stream.ended)
		return false;
	s->state = SERVER_ENDING;
	stream_shut(&s->stream);
	stream_want(&s->stream, true);
	deadline_set(&s->deadline, ENDING_MS);
	return true;
}

void
server_conn_drop(struct server_conn *s)
{
	enum server_state was = s->state;

	if (was == SERVER_CLOSED)
		return;
	if (was == SERVER_IDLE) {
		leave_idle(s);
		if (end_in_order(s))
			return;
	}
	s->state = SERVER_CLOSED;
	server_conn_count(s, M_SERVER_OPEN, -1);
	deadline_fini(&s->deadline);
	if (was == SERVER_WAITING) {
		reach_leave(server_conn_reach(s), &s->turn);
		server_conn_give(s->server->home, s);
	} else if (was != SERVER_LOST) {
		stream_close(&s->stream, on_closed);
	}
}

void
server_conn_lose(struct server_conn *s)
{
	s->state = SERVER_LOST;
	stream_close(&s->stream, on_closed);
}

void
server_conn_on_ready(struct watch *w, unsigned events)
{
	struct server_conn *s =
	    container_of(stream_of(w), struct server_conn, stream);

	switch (s->state) {
	case SERVER_CONNECTING:
	case SERVER_ASKING:
		server_connect_step(s);
		return;
	case SERVER_BUSY:
		s->spoke_first |= s->is_reused && (events & WATCH_READ) &&
				  watch_turn(w) == s->taken_turn;
		s->user->on_progress(s, events);
		return;
	case SERVER_IDLE:
	case SERVER_ENDING:
		server_conn_drop(s);
		return;
	case SERVER_WAITING:
	case SERVER_LOST:
	case SERVER_CLOSED:
		return;
	}
}

void
server_conn_on_expire(struct deadline *d)
{
	struct server_conn *s = container_of(d, struct server_conn, deadline);

	switch (s->state) {
	case SERVER_CONNECTING:
	case SERVER_WAITING:
	case SERVER_ASKING:
	case SERVER_LOST:
		server_connect_expire(s);
		return;
	case SERVER_BUSY:
		s->user->on_expire(s);
		return;
	case SERVER_IDLE:
	case SERVER_ENDING:
		server_conn_drop(s);
		return;
	case SERVER_CLOSED:
		return;
	}
}

/* reuse -------------------------------------------------------------------- */

void
server_conn_use(
    struct server_conn *s, const struct server_user *user, void *exchange)
{
	CHECK(s->state == SERVER_IDLE);
	leave_idle(s);
	s->state = SERVER_BUSY;
	s->user = user;
	s->exchange = exchange;
	s->is_reused = true;
	s->taken_turn = watch_turn(&s->stream.watch);
	s->idle_ms = uv_now(s->stream.home->loop) - s->idle_since_ms;
	deadline_clear(&s->deadline);
	server_conn_count(s, M_SERVER_REUSES, 1);
}

/*
 * Nothing may lie behind the response: the next exchange might begin before
 * the loop has looked at the socket again, and would take it for its own
 * response.  A read that did not fill its room has shown that.
 */
static bool
may_park(struct server_conn *s)
{
	const struct server *server = s->server;

	if (!server->pool->upstream_keepalive || s->limits.n_requests <= 1 ||
	    s->limits.idle_ms == 0 || s->stream.ended ||
	    buf_len(&s->stream.in) > 0 || buf_len(&s->stream.out) > 0)
		return false;
	/* it would keep a draining tlsd from its end */
	if (server->conf->https &&
	    s->egress_round != upstream_egress_round(server->home))
		return false;
	/* a client's own may carry its login */
	if (server->n_idle >= POOL_MAX_IDLE && s->client == 0)
		return false;
	return !s->stream.may_hold_more || server_conn_is_quiet(s);
}

void
server_conn_park(struct server_conn *s)
{
	struct server *server = s->server;

	CHECK(s->state == SERVER_BUSY);
	s->exchange = NULL;
	if (!may_park(s)) {
		if (!end_in_order(s))
			server_conn_drop(s);
		return;
	}
	s->limits.n_requests--;
	s->state = SERVER_IDLE;
	s->idle_since_ms = uv_now(s->stream.home->loop);
	TAILQ_INSERT_HEAD(idle_list(server, s->client), s, entry);
	server->n_idle++;
	server_conn_count(s, M_SERVER_IDLE, 1);
	deadline_set(&s->deadline, s->limits.idle_ms);
	stream_rest(&s->stream);
	stream_want(&s->stream, true);
}

bool
server_conn_is_quiet(struct server_conn *s)
{
	char c;

	return recv(s->stream.watch.fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       errno == EAGAIN;
}

bool
server_conn_was_cut(const struct server_conn *s)
{
	return s->server->conf->https && stream_is_gone(&s->stream);
}
