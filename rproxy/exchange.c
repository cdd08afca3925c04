/*
 * One request and its answer, from the complete head to the last byte the
 * kernel took.  Runs in the worker.  The only place that knows the client's
 * side and the server's.
 *
 *	CONNECT ------> RELAY ------> FLUSH ------> over
 *	   |              | | |         ^
 *	   |              | | | early fault: the page is in the buffer
 *	   +--------------+-|-+---------+
 *	                  | |
 *	                  | +--> TUNNEL --> over: 101 was asked for and said
 *	                  |
 *	                  +--> over, the client's connection aborted: a fault
 *	                       after the response had begun
 *
 *	CONNECT  a server connection is on its way; servers that refuse are
 *		 left for the next one, each is tried once
 *	RELAY    request and response, each stopped by its slower side
 *	TUNNEL   bytes of another protocol; no HTTP any more
 *	FLUSH    the server is done with; the client takes what is left
 *
 * advance() alone decides what happens next.  It looks at levels only; the
 * callbacks note what is ready and call it.  Both sockets stay registered for
 * reading in the steady state, so a request costs two reads and two writes.
 *
 * A request is sent a second time once, on a fresh connection to the same
 * server, when a connection that had been idle broke before any byte of a
 * response, or was given up by the server with 408, and the method is
 * idempotent and had no body (RFC 9110 sections 9.2.2 and 15.5.9, RFC 9112
 * section 9.3.1).
 */
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "rproxy/exchange_state.h"
#include "rproxy/metrics_table.h"

#define MAX_SPARE 128
#define MAX_STATUS_LINE 8192
#define MAX_RESPONSE_FIELDS 256

static const struct server_user server_user;

static void advance(struct exchange *x);

/* life --------------------------------------------------------------------- */

void
exchanges_init(struct exchanges *e, struct front *front,
    struct upstream *upstream, const struct site_names *names,
    struct access_log *log, struct metrics *metrics, unsigned worker)
{
	memset(e, 0, sizeof(*e));
	e->front = front;
	e->upstream = upstream;
	e->names = names;
	e->log = log;
	e->metrics = metrics;
	e->response_limits = (struct h1_limits){
		.max_line_bytes = MAX_STATUS_LINE,
		.max_headers_bytes = front->config->max_response_headers_bytes,
		.max_headers = MAX_RESPONSE_FIELDS,
	};
	e->worker = worker;
	e->started_ms = clock_now_ms();
	TAILQ_INIT(&e->spare);
}

static void
exchange_free(struct exchange *x)
{
	fields_fini(&x->request.head.fields);
	fields_fini(&x->response.fields);
	arena_fini(&x->arena);
	mem_free(x);
}

void
exchanges_fini(struct exchanges *e)
{
	struct exchange *x;

	while ((x = TAILQ_FIRST(&e->spare)) != NULL) {
		TAILQ_REMOVE(&e->spare, x, entry);
		exchange_free(x);
	}
}

/* All zero but the arrays, which are kept. */
static struct exchange *
exchange_take(struct exchanges *e)
{
	struct exchange *x = TAILQ_FIRST(&e->spare);

	if (x == NULL) {
		x = mem_try(sizeof(*x));
		if (x != NULL)
			arena_init(&x->arena, EXCHANGE_ARENA_MAX);
		return x;
	}
	TAILQ_REMOVE(&e->spare, x, entry);
	e->n_spare--;

	struct fields request = x->request.head.fields;
	struct fields response = x->response.fields;
	struct arena arena = x->arena;
	memset(x, 0, sizeof(*x));
	x->request.head.fields = request;
	x->response.fields = response;
	x->arena = arena;
	return x;
}

static void
exchange_give(struct exchange *x)
{
	struct exchanges *e = x->home;

	stream_buf_give(e->front->streams, &x->request.bytes);
	fields_reset(&x->request.head.fields);
	fields_reset(&x->response.fields);
	arena_reset(&x->arena);
	if (e->n_spare >= MAX_SPARE) {
		exchange_free(x);
		return;
	}
	TAILQ_INSERT_HEAD(&e->spare, x, entry);
	e->n_spare++;
}

static void
drop_server(struct exchange *x)
{
	if (x->server != NULL)
		server_conn_drop(x->server);
	x->server = NULL;
}

/* The exchange is over; x is gone, and maybe in use for the next request. */
static void
end(struct exchange *x, bool keep)
{
	struct client_conn *c = x->client;

	exchange_log(x);
	metrics_sub(x->home->metrics, M_EXCHANGES_OPEN, 1);
	drop_server(x);
	exchange_give(x);
	client_conn_finish(c, keep);
}

static void
end_aborted(struct exchange *x)
{
	struct client_conn *c = x->client;

	exchange_log(x);
	metrics_sub(x->home->metrics, M_EXCHANGES_OPEN, 1);
	drop_server(x);
	exchange_give(x);
	client_conn_abort(c);
}

/* faults ------------------------------------------------------------------- */

/* True: the client gets an answer.  False: x is gone. */
static bool
answer(struct exchange *x, bool written)
{
	drop_server(x);
	x->state = EXCHANGE_FLUSH;
	if (written && stream_flush(&x->client->stream) != STREAM_FAILED)
		return true;
	if (x->why == REASON_OK)
		x->why = written ? REASON_CLIENT_GONE : REASON_NO_MEMORY;
	end_aborted(x);
	return false;
}

/* After the silence of both an orderly end, unless something is left unsaid. */
static void
end_tunnel(struct exchange *x, enum reason why)
{
	x->why = why;
	metrics_sub(x->home->metrics, M_TUNNELS_OPEN, 1);
	bool is_time = why == REASON_TUNNEL_TIMEOUT || why == REASON_DRAINING;
	if (why == REASON_OK ||
	    (is_time && buf_len(&x->client->stream.out) == 0))
		end(x, false);
	else
		end_aborted(x);
}

static bool
fail(struct exchange *x, enum reason why)
{
	if (x->state == EXCHANGE_TUNNEL) {
		end_tunnel(x, why);
		return false;
	}
	x->why = why;
	if (!x->front.head_is_out && reason_status(why) != 0)
		return answer(x, exchange_answer_error(x, why));
	end_aborted(x);
	return false;
}

/* the server's side -------------------------------------------------------- */

static bool
is_race(const struct exchange *x, enum reason why)
{
	return (why == REASON_SERVER_CLOSED || why == REASON_SERVER_RESET) &&
	       x->is_reused && !x->has_begun;
}

static void
use_server(struct exchange *x, struct server_conn *s)
{
	x->server = s;
	x->server_label = s->server->label;
	x->is_reused = s->is_reused;
	x->server_wait = (struct waiting){ WAIT_NONE, 0 };
	x->state = s->state == SERVER_BUSY ? EXCHANGE_RELAY : EXCHANGE_CONNECT;
}

static enum reason
try_next(struct exchange *x)
{
	enum reason why = REASON_OK;
	struct pool *p = upstream_pool(x->home->upstream, x->plan.pool);
	struct server_conn *s =
	    pool_connect(p, &x->tries, x->need, &server_user, x, &why);

	if (s == NULL)
		return why;
	use_server(x, s);
	return x->state == EXCHANGE_RELAY ? exchange_request_begin(x)
					  : REASON_OK;
}

/* Rule of the head comment.  REASON_OK: the request is on its way again. */
static enum reason
try_again(struct exchange *x, enum reason why)
{
	struct server *server = x->server->server;

	metrics_add(x->home->metrics, M_REUSE_RACE, 1);
	if (x->need != REUSE_ANY || x->n_retries > 0)
		return why;
	x->n_retries++;
	metrics_add(x->home->metrics, M_REUSE_RACE_RETRIED, 1);
	drop_server(x);
	x->up_stopped = false;
	x->server_ready = false;
	memset(&x->scan, 0, sizeof(x->scan));
	struct server_conn *s =
	    pool_connect_again(server, &x->tries, &server_user, x, &why);
	if (s == NULL)
		return try_next(x);
	use_server(x, s);
	return REASON_OK;
}

/* The response is complete: the connection is for the next, or for nobody. */
static void
leave_server(struct exchange *x)
{
	struct server_conn *s = x->server;

	x->server = NULL;
	if (!exchange_request_is_read(x))
		x->why = REASON_EARLY_ANSWER;
	if (x->may_park && exchange_request_is_read(x) && !x->up_stopped)
		server_conn_park(s);
	else
		server_conn_drop(s);
}

/* what happens next -------------------------------------------------------- */

static enum reason
flush_both(struct exchange *x)
{
	if (stream_flush(&x->client->stream) == STREAM_FAILED)
		return REASON_CLIENT_GONE;
	if (x->state == EXCHANGE_RELAY && !x->up_stopped &&
	    stream_flush(&x->server->stream) == STREAM_FAILED) {
		x->up_stopped = true;
		x->server_ready = true;
	}
	return REASON_OK;
}

/* False: it is over, and x is gone. */
static bool
advance_tunnel(struct exchange *x)
{
	bool client_ready = x->client_ready, server_ready = x->server_ready;

	x->client_ready = x->server_ready = false;
	switch (tunnel_step(&x->tunnel, client_ready, server_ready)) {
	case TUNNEL_OPEN:
		return true;
	case TUNNEL_OVER:
		end_tunnel(x, REASON_OK);
		return false;
	case TUNNEL_CLIENT_GONE:
		end_tunnel(x, REASON_CLIENT_GONE);
		return false;
	case TUNNEL_SERVER_GONE:
		end_tunnel(x, REASON_SERVER_RESET);
		return false;
	}
	return false;
}

static enum reason
move(struct exchange *x)
{
	enum reason why = flush_both(x);

	if (why == REASON_OK)
		why = exchange_request_step(x);
	if (why == REASON_OK)
		why = exchange_response_step(x);
	if (x->state == EXCHANGE_RELAY && is_race(x, why))
		why = try_again(x, why);
	return why;
}

static void
advance(struct exchange *x)
{
	enum reason why = x->state == EXCHANGE_TUNNEL ? REASON_OK : move(x);

	if (why != REASON_OK && !fail(x, why))
		return;
	if (x->state == EXCHANGE_TUNNEL && !advance_tunnel(x))
		return;
	if (x->state == EXCHANGE_RELAY && exchange_response_is_done(x)) {
		leave_server(x);
		x->state = EXCHANGE_FLUSH;
	}
	if (x->state == EXCHANGE_FLUSH &&
	    buf_len(&x->client->stream.out) == 0) {
		end(x, x->front.keep);
		return;
	}
	exchange_wait(x);
}

static void
begin(struct exchange *x, enum reason why)
{
	struct exchanges *e = x->home;
	struct request_head *r = &x->request.head;

	if (why != REASON_OK) {
		/* the client's buffer may move while the answer waits */
		x->request.line = arena_concat(&x->arena, &x->request.line, 1);
	} else {
		request_rules_plan(r, &x->who, e->names, &x->arena, &x->plan);
		why = x->plan.why;
	}
	h1_front_begin(&x->front, r, !x->plan.is_framed || x->plan.hop.close,
	    x->plan.hop.keep_alive);
	body_relay_init(&x->up, &x->plan.framing,
	    x->plan.framing.kind == BODY_CHUNKED,
	    x->plan.route != NULL ? x->plan.route->max_body_bytes : 0);
	if (why == REASON_OK && x->plan.action != REQUEST_FORWARD) {
		if (answer(x, exchange_answer_plan(x)))
			advance(x);
		return;
	}
	/* the client waits, whether or not the server is going to know */
	x->expects_continue =
	    !x->up.done && fields_first(&r->fields, FIELD_EXPECT) != NULL;
	if (why == REASON_OK)
		why = exchange_request_rewrite(x);
	x->need = reuse_need_of(r->method_id, !x->up.done);
	if (why == REASON_OK)
		why = try_next(x);
	if (why == REASON_OK || fail(x, why))
		advance(x);
}

/* callbacks ---------------------------------------------------------------- */

static void
on_request(struct client_conn *c, struct request *r, enum reason why)
{
	struct exchanges *e = c->front->ctx;
	struct exchange *x = exchange_take(e);

	if (x == NULL) {
		client_conn_abort(c);
		return;
	}
	struct request empty = x->request;
	x->request = *r;
	*r = empty;
	x->home = e;
	x->client = c;
	identity_tell(c->identity, &x->who, &x->tls);
	x->tries.client = c->serial;
	x->begun_ms = exchange_now_ms(x);
	x->connect_ms = -1;
	x->head_ms = -1;
	c->exchange = x;
	metrics_add(e->metrics, M_EXCHANGES_OPEN, 1);
	begin(x, why);
}

static void
on_client_progress(struct client_conn *c, unsigned events)
{
	struct exchange *x = c->exchange;

	x->client_ready = (events & WATCH_READ) != 0;
	advance(x);
}

/* The server says nothing and the client waits for it: one of them must go
 * on, and the client has a body for us. */
static enum reason
say_continue(struct exchange *x)
{
	x->expects_continue = false;
	x->has_continued = true;
	return h1_front_continue(x->client) ? REASON_OK : REASON_NO_MEMORY;
}

static void
on_client_expire(struct client_conn *c)
{
	struct exchange *x = c->exchange;
	enum exchange_wait what = x->client_wait.what;
	enum reason why = what == WAIT_CLIENT_CONTINUE
			      ? say_continue(x)
			      : exchange_wait_reason(what, x);

	x->client_wait.what = WAIT_NONE;
	if (why == REASON_OK || fail(x, why))
		advance(x);
}

static void
on_client_cut(struct client_conn *c)
{
	struct exchange *x = c->exchange;

	if (fail(x, REASON_DRAINING))
		advance(x);
}

static void
on_client_gone(struct client_conn *c)
{
	struct exchanges *e = c->front->ctx;

	upstream_forget(e->upstream, c->serial);
}

static void
on_connected(struct server_conn *s)
{
	struct exchange *x = s->exchange;

	x->connect_ms = (int64_t)(exchange_now_ms(x) - x->begun_ms);
	x->state = EXCHANGE_RELAY;
	enum reason why = exchange_request_begin(x);
	if (why == REASON_OK || fail(x, why))
		advance(x);
}

static void
on_connect_failed(void *exchange, enum reason why)
{
	struct exchange *x = exchange;

	x->server = NULL;
	x->tries.last = why;
	why = try_next(x);
	if (why == REASON_OK || fail(x, why))
		advance(x);
}

static void
on_server_progress(struct server_conn *s, unsigned events)
{
	struct exchange *x = s->exchange;

	x->server_ready = (events & WATCH_READ) != 0;
	advance(x);
}

static void
on_server_expire(struct server_conn *s)
{
	struct exchange *x = s->exchange;

	if (fail(x, exchange_wait_reason(x->server_wait.what, x)))
		advance(x);
}

static const struct server_user server_user = {
	.on_connected = on_connected,
	.on_connect_failed = on_connect_failed,
	.on_progress = on_server_progress,
	.on_expire = on_server_expire,
};

const struct front_handler exchange_handler = {
	.on_request = on_request,
	.on_progress = on_client_progress,
	.on_expire = on_client_expire,
	.on_cut = on_client_cut,
	.on_gone = on_client_gone,
};
