/*
 * How a connection to a server comes about.  Runs in the worker; a part of
 * server_conn.c, which calls it and sees to what comes later.
 *
 *	CONNECTING  http: connect() is under way
 *	WAITING     https: nobody listens at tlsd's socket; in the queue of
 *		    common/reach.c, without a stream
 *	ASKING      tlsd has been asked for the server and has not answered; no
 *		    byte of the request is sent before, so that a connection
 *		    that fails here is one that never was
 *	LOST        tlsd, or one worker of it, went away meanwhile: the stream
 *		    is being closed, then it is asked once more
 *
 * connect_timeout is for all of it.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/connect.h"
#include "common/log.h"
#include "rproxy/metrics_table.h"
#include "rproxy/upstream/server_conn_inner.h"

/* What we have run out of ourselves is not the server's fault. */
static enum reason
connect_reason(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return REASON_CONNECT_REFUSED;
	case EMFILE:
	case ENFILE:
	case EAGAIN: /* of local ports, as is the next one */
	case EADDRNOTAVAIL:
		return REASON_TOO_MANY;
	case ENOBUFS:
	case ENOMEM:
		return REASON_NO_MEMORY;
	default:
		return REASON_CONNECT_FAILED;
	}
}

/* What is our own fault says nothing about the server. */
static void
note_failure(struct server *server, enum reason why, const char *text)
{
	log_warning("pool %s: server %s: connect: %s", server->pool->name,
	    server->label, text);
	if (reason_party(why) == PARTY_US)
		return;
	metrics_add(
	    upstream_metrics(server->home), M_SERVER_CONNECT_FAILURES, 1);
	server_failed(server);
}

static void
connect_failed(struct server_conn *s, enum reason why, const char *text)
{
	const struct server_user *user = s->user;
	void *exchange = s->exchange;

	note_failure(s->server, why, text);
	server_conn_drop(s);
	user->on_connect_failed(exchange, why);
}

static void
connected(struct server_conn *s)
{
	s->state = SERVER_BUSY;
	deadline_clear(&s->deadline);
	server_works(s->server);
	s->user->on_connected(s);
}

static struct server_conn *
no_conn(struct server *server, int fd, int error, enum reason *why)
{
	if (fd >= 0)
		(void)close(fd);
	*why = connect_reason(error);
	note_failure(server, *why, strerror(error));
	return NULL;
}

static void
conn_init(struct server_conn *s, struct server *server,
    const struct server_user *user, void *exchange, enum server_state state)
{
	s->server = server;
	s->user = user;
	s->exchange = exchange;
	s->limits.idle_ms = server->pool->keepalive_timeout_ms;
	s->limits.n_requests = REUSE_MAX_REQUESTS;
	s->state = state;
	s->egress_round = upstream_egress_round(server->home);
	server_conn_count(s, M_SERVER_OPEN, 1);
	deadline_init(&s->deadline, upstream_deadlines(server->home),
	    server_conn_on_expire);
}

/* http --------------------------------------------------------------------- */

static void
finish_connect(struct server_conn *s)
{
	int error = connect_error(s->stream.watch.fd);

	if (error != 0) {
		connect_failed(s, connect_reason(error), strerror(error));
		return;
	}
	connected(s);
}

static struct server_conn *
new_http(struct server *server, unsigned address,
    const struct server_user *user, void *exchange, enum reason *why)
{
	struct upstream *u = server->home;
	struct resolve *r = &server->resolve;
	int fd = connect_begin(&r->addr[address % r->n_addr]);

	if (fd < 0)
		return no_conn(server, -1, errno, why);
	struct server_conn *s = server_conn_take(u);
	if (s == NULL)
		return no_conn(server, fd, ENOMEM, why);
	if (!stream_open(
		&s->stream, upstream_streams(u), fd, server_conn_on_ready)) {
		server_conn_give(u, s);
		return no_conn(server, fd, ENOMEM, why);
	}
	conn_init(s, server, user, exchange, SERVER_CONNECTING);
	deadline_set(&s->deadline, server->pool->connect_timeout_ms);
	watch_want(&s->stream.watch, WATCH_WRITE);
	return s;
}

/* https -------------------------------------------------------------------- */

/* tlsd, or one worker of it, went away under us: not for a second time. */
static void
ask_again(struct server_conn *s)
{
	if (s->was_lost) {
		connect_failed(s, REASON_EGRESS_AWAY,
		    "tlsd closes its egress connections without an answer");
		return;
	}
	s->was_lost = true;
	server_conn_lose(s);
}

static void
finish_asking(struct server_conn *s)
{
	struct egress_answer answer;

	switch (egress_read(&s->stream, &answer)) {
	case EGRESS_WAIT:
		return;
	case EGRESS_LOST:
		ask_again(s);
		return;
	case EGRESS_FAILED:
		connect_failed(s, answer.why, answer.text);
		return;
	case EGRESS_OPEN:
		break;
	}
	log_debug("pool %s: server %s: connected, %s", s->server->pool->name,
	    s->server->label, answer.text);
	if (answer.is_draining)
		s->limits.n_requests = 1;
	stream_rest(&s->stream);
	connected(s);
}

/* A question that does not arrive is found out by its answer. */
static bool
ask(struct server_conn *s, int fd)
{
	struct slice question = s->server->question;
	struct iovec v = { (char *)question.p, question.len };

	if (!stream_open(&s->stream, upstream_streams(s->server->home), fd,
		server_conn_on_ready)) {
		(void)close(fd);
		return false;
	}
	s->state = SERVER_ASKING;
	(void)stream_send(&s->stream, &v, 1);
	stream_want(&s->stream, true);
	return true;
}

static void
on_reached(struct reach_turn *t, int fd)
{
	struct server_conn *s = container_of(t, struct server_conn, turn);

	if (!ask(s, fd))
		connect_failed(s, REASON_NO_MEMORY, strerror(ENOMEM));
}

static struct server_conn *
new_https(struct server *server, const struct server_user *user, void *exchange,
    enum reason *why)
{
	struct server_conn *s = server_conn_take(server->home);

	if (s == NULL)
		return no_conn(server, -1, ENOMEM, why);
	conn_init(s, server, user, exchange, SERVER_WAITING);
	deadline_set(
	    &s->deadline, server->pool->connect_timeout_ms + EGRESS_MARGIN_MS);
	s->turn.on_connected = on_reached;
	int fd = reach_connect(server_conn_reach(s), &s->turn);
	if (fd >= 0 && !ask(s, fd)) {
		server_conn_drop(s);
		return no_conn(server, -1, ENOMEM, why);
	}
	return s;
}

void
server_connect_wait(struct server_conn *s)
{
	s->state = SERVER_WAITING;
	reach_wait(server_conn_reach(s), &s->turn);
}

/* both --------------------------------------------------------------------- */

void
server_connect_step(struct server_conn *s)
{
	if (s->state == SERVER_ASKING)
		finish_asking(s);
	else
		finish_connect(s);
}

void
server_connect_expire(struct server_conn *s)
{
	switch (s->state) {
	case SERVER_CONNECTING:
		connect_failed(s, REASON_CONNECT_TIMEOUT, "timed out");
		return;
	case SERVER_ASKING:
		/* it would have said so, had it been the server */
		connect_failed(s, REASON_EGRESS_AWAY,
		    "tlsd does not answer at its egress socket");
		return;
	case SERVER_WAITING:
	case SERVER_LOST:
		connect_failed(s, REASON_EGRESS_AWAY,
		    "tlsd does not listen at its egress socket");
		return;
	case SERVER_BUSY:
	case SERVER_IDLE:
	case SERVER_ENDING:
	case SERVER_CLOSED:
		return;
	}
}

struct server_conn *
server_conn_new(struct server *server, unsigned address,
    const struct server_user *user, void *exchange, enum reason *why)
{
	metrics_add(upstream_metrics(server->home), M_SERVER_CONNECTS, 1);
	return server->conf->https
		   ? new_https(server, user, exchange, why)
		   : new_http(server, address, user, exchange, why);
}
