/*
 * One connection to a server.  Runs in the worker.
 *
 *	CONNECTING -> BUSY <-> IDLE
 *	    |          |        |
 *	    +----------+--------+--> CLOSED
 *
 *	CONNECTING  connect() under way, connect_timeout runs
 *	BUSY        an exchange reads, writes and sets the deadline
 *	IDLE        in the pool; watched: its end, or any byte, drops it (RFC
 *		    9112 section 9.2: what nobody asked for is no response)
 *
 * Owned by the exchange while BUSY, by the pool while IDLE.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "rproxy/metrics_table.h"
#include "rproxy/upstream/idle.h"
#include "rproxy/upstream/pool.h"

static void
count(const struct server_conn *s, unsigned metric, int n)
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

	server_conn_give(s->server->home, s);
}

static void
leave_idle(struct server_conn *s)
{
	TAILQ_REMOVE(idle_list(s->server, s->client), s, entry);
	s->server->n_idle--;
	count(s, M_SERVER_IDLE, -1);
}

void
server_conn_drop(struct server_conn *s)
{
	if (s->state == SERVER_CLOSED)
		return;
	if (s->state == SERVER_IDLE)
		leave_idle(s);
	s->state = SERVER_CLOSED;
	count(s, M_SERVER_OPEN, -1);
	deadline_fini(&s->deadline);
	stream_close(&s->stream, on_closed);
}

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

/* connecting -------------------------------------------------------------- */

static void
connect_failed(struct server_conn *s, enum reason why, const char *text)
{
	log_warning("pool %s: server %s: connect: %s", s->server->pool->name,
	    s->server->label, text);
	count(s, M_SERVER_CONNECT_FAILURES, 1);
	server_failed(s->server);
	server_conn_drop(s);
	s->user->on_connect_failed(s, why);
}

static void
finish_connect(struct server_conn *s)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(
		s->stream.watch.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error != 0) {
		connect_failed(s, connect_reason(error), strerror(error));
		return;
	}
	s->state = SERVER_BUSY;
	deadline_clear(&s->deadline);
	server_works(s->server);
	s->user->on_connected(s);
}

static void
on_ready(struct watch *w, unsigned events)
{
	struct server_conn *s =
	    container_of(stream_of(w), struct server_conn, stream);

	switch (s->state) {
	case SERVER_CONNECTING:
		finish_connect(s);
		return;
	case SERVER_BUSY:
		s->user->on_progress(s, events);
		return;
	case SERVER_IDLE:
		server_conn_drop(s);
		return;
	case SERVER_CLOSED:
		return;
	}
}

static void
on_expire(struct deadline *d)
{
	struct server_conn *s = container_of(d, struct server_conn, deadline);

	switch (s->state) {
	case SERVER_CONNECTING:
		connect_failed(s, REASON_CONNECT_TIMEOUT, "timed out");
		return;
	case SERVER_BUSY:
		s->user->on_expire(s);
		return;
	case SERVER_IDLE:
		server_conn_drop(s);
		return;
	case SERVER_CLOSED:
		return;
	}
}

/* A socket on its way to a; -1 and errno. */
static int
begin_connect(const struct addr *a)
{
	int on = 1;
	int fd = socket(
	    a->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, &a->u.sa, a->len) == 0 || errno == EINPROGRESS)
		return fd;
	int error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

static struct server_conn *
no_conn(struct server *server, int fd, int error, enum reason *why)
{
	if (fd >= 0)
		(void)close(fd);
	*why = connect_reason(error);
	log_warning("pool %s: server %s: connect: %s", server->pool->name,
	    server->label, strerror(error));
	if (reason_party(*why) == PARTY_US)
		return NULL;
	metrics_add(
	    upstream_metrics(server->home), M_SERVER_CONNECT_FAILURES, 1);
	server_failed(server);
	return NULL;
}

struct server_conn *
server_conn_new(struct server *server, const struct server_user *user,
    void *exchange, enum reason *why)
{
	struct upstream *u = server->home;
	struct resolve *r = &server->resolve;
	int fd = begin_connect(&r->addr[server->next_addr++ % r->n_addr]);

	metrics_add(upstream_metrics(u), M_SERVER_CONNECTS, 1);
	if (fd < 0)
		return no_conn(server, -1, errno, why);
	struct server_conn *s = server_conn_take(u);
	if (s == NULL)
		return no_conn(server, fd, ENOMEM, why);
	s->server = server;
	if (!stream_open(&s->stream, upstream_streams(u), fd, on_ready)) {
		server_conn_give(u, s);
		return no_conn(server, fd, ENOMEM, why);
	}
	s->user = user;
	s->exchange = exchange;
	s->limits.idle_ms = server->pool->keepalive_timeout_ms;
	s->limits.n_requests = REUSE_MAX_REQUESTS;
	s->state = SERVER_CONNECTING;
	count(s, M_SERVER_OPEN, 1);
	deadline_init(&s->deadline, upstream_deadlines(u), on_expire);
	deadline_set(&s->deadline, server->pool->connect_timeout_ms);
	watch_want(&s->stream.watch, WATCH_WRITE);
	return s;
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
	s->idle_ms = uv_now(s->stream.home->loop) - s->idle_since_ms;
	deadline_clear(&s->deadline);
	count(s, M_SERVER_REUSES, 1);
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
		server_conn_drop(s);
		return;
	}
	s->limits.n_requests--;
	s->state = SERVER_IDLE;
	s->idle_since_ms = uv_now(s->stream.home->loop);
	TAILQ_INSERT_HEAD(idle_list(server, s->client), s, entry);
	server->n_idle++;
	count(s, M_SERVER_IDLE, 1);
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
