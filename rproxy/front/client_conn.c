/*
 * One client, from accept to last byte.  Runs in the worker.
 *
 *	ANNOUNCE -> IDLE <-> HEAD -> EXCHANGE -> IDLE
 *	    |         |        |         |
 *	    +---------+--------+---------+--> LINGER -> CLOSED
 *
 *	ANNOUNCE  on an announced listener: the PROXY header, within 5 s
 *	IDLE      keep-alive; holds no buffer
 *	HEAD      part of a request head is here, header_timeout runs
 *	EXCHANGE  the handler reads the body and writes the response
 *	LINGER    our end has been sent; what the client still sends is thrown
 *		  away, so that no reset destroys the response on its way
 *		  (RFC 9112 section 9.6)
 *
 * How a connection ends is visible to the peer.  An orderly end is a shutdown
 * first and a close when the peer has ended too.  An abort (a response that
 * cannot be completed) is a reset on TCP; on a Unix socket it is a close
 * without shutdown, which the peer sees as POLLHUP while its own side is still
 * open.  tlsd leaves close_notify out then, so that a body that ends with the
 * connection is not taken for complete (RFC 9112 section 9.8).
 *
 * Owned by the front's list.  Knows no site and no server.
 */
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "rproxy/front/client_conn.h"
#include "rproxy/front/shortage.h"
#include "rproxy/metrics_table.h"

#define ANNOUNCE_MS 5000
#define LINGER_MS 5000
#define DRAIN_GRACE_MS 1000
#define READ_AHEAD_BYTES STREAM_BUF_BYTES
#define MAX_SPARE 256
#define REFUSED_LINE_MAX 256

static void advance(struct client_conn *c);

void
front_init(struct front *f, const struct rproxy_config *config,
    struct stream_home *streams, struct deadlines *deadlines,
    struct metrics *metrics, const struct front_handler *handler, void *ctx)
{
	memset(f, 0, sizeof(*f));
	f->config = config;
	f->streams = streams;
	f->deadlines = deadlines;
	f->metrics = metrics;
	f->handler = handler;
	f->ctx = ctx;
	f->limits = (struct h1_limits){
		.max_line_bytes = config->max_request_line,
		.max_headers_bytes = config->max_headers_bytes,
		.max_headers = config->max_headers,
		.max_field_bytes = config->max_field_bytes,
	};
	TAILQ_INIT(&f->conns);
	TAILQ_INIT(&f->spare);
	LIST_INIT(&f->tls_params);
}

bool
front_is_full(const struct front *f, bool plain)
{
	unsigned max = f->config->max_connections;

	return f->n_conns >= max || (plain && f->n_plain >= max - max / 4);
}

/* states ------------------------------------------------------------------- */

static bool
is_announced(const struct client_conn *c)
{
	return c->identity != NULL && identity_is_announced(c->identity);
}

static uint64_t
state_ms(const struct client_conn *c, enum client_state state)
{
	const struct rproxy_config *k = c->front->config;

	switch (state) {
	case CLIENT_ANNOUNCE:
		return ANNOUNCE_MS;
	case CLIENT_IDLE:
		if (c->last)
			return DRAIN_GRACE_MS;
		return c->n_requests == 0 ? k->header_timeout_ms
					  : k->keepalive_timeout_ms;
	case CLIENT_HEAD:
		return k->header_timeout_ms;
	case CLIENT_LINGER:
		/* Behind a Unix socket is tlsd with a client as slow as ours
		 * may be; it has deadlines of its own. */
		return is_announced(c) ? k->send_timeout_ms : LINGER_MS;
	case CLIENT_EXCHANGE: /* the handler's */
	case CLIENT_CLOSED:
		return 0;
	}
	return 0;
}

static bool
may_follow(enum client_state from, enum client_state to)
{
	switch (to) {
	case CLIENT_ANNOUNCE:
		return false;
	case CLIENT_IDLE:
		return from == CLIENT_ANNOUNCE || from == CLIENT_EXCHANGE;
	case CLIENT_HEAD:
		return from == CLIENT_IDLE;
	case CLIENT_EXCHANGE:
		return from == CLIENT_IDLE || from == CLIENT_HEAD;
	case CLIENT_LINGER:
		return from != CLIENT_LINGER && from != CLIENT_CLOSED;
	case CLIENT_CLOSED:
		return from != CLIENT_CLOSED;
	}
	return false;
}

static void
set_state(struct client_conn *c, enum client_state state)
{
	CHECK(may_follow(c->state, state));
	c->state = state;
	deadline_set(&c->deadline, state_ms(c, state));
}

static void
on_closed(struct watch *w)
{
	struct client_conn *c =
	    container_of(stream_of(w), struct client_conn, stream);
	struct front *f = c->front;

	TAILQ_REMOVE(&f->conns, c, entry);
	f->n_conns--;
	if (c->plain)
		f->n_plain--;
	metrics_sub(f->metrics, M_CONNECTIONS_OPEN, 1);
	if (f->n_spare < MAX_SPARE) {
		TAILQ_INSERT_HEAD(&f->spare, c, entry);
		f->n_spare++;
	} else {
		mem_free(c);
	}
	f->on_room(f);
}

static void
leave(struct client_conn *c)
{
	struct front *f = c->front;

	metrics_add(f->metrics, M_CLIENT_BYTES_IN, c->stream.bytes_in);
	metrics_add(f->metrics, M_CLIENT_BYTES_OUT, c->stream.bytes_out);
	f->handler->on_gone(c);
	deadline_fini(&c->deadline);
	identity_free(c->identity);
	c->identity = NULL;
}

static void
conn_close(struct client_conn *c)
{
	if (c->state == CLIENT_CLOSED)
		return;
	set_state(c, CLIENT_CLOSED);
	leave(c);
	stream_close(&c->stream, on_closed);
}

void
client_conn_abort(struct client_conn *c)
{
	if (c->state == CLIENT_CLOSED)
		return;
	set_state(c, CLIENT_CLOSED);
	leave(c);
	stream_abort(&c->stream, on_closed);
}

static void
linger(struct client_conn *c)
{
	stream_buf_give(c->front->streams, &c->stream.in);
	if (c->stream.ended || c->stream.read_error != 0 ||
	    c->stream.write_error != 0) {
		conn_close(c);
		return;
	}
	set_state(c, CLIENT_LINGER);
	c->linger_until_ms =
	    front_now_ms(c->front) + c->front->config->send_timeout_ms;
	stream_shut(&c->stream);
}

/*
 * Many clients read an early answer only when all of their upload has gone
 * out: they are listened to while they send.
 */
static void
linger_on(struct client_conn *c)
{
	uint64_t ms = state_ms(c, CLIENT_LINGER);

	if (front_now_ms(c->front) + ms < c->linger_until_ms)
		deadline_set(&c->deadline, ms);
}

/* reading ------------------------------------------------------------------ */

static bool
refuse_header(struct client_conn *c, const char *why)
{
	metrics_add(c->front->metrics, M_REFUSED_HEADER, 1);
	log_warning("connection without a good PROXY header: %s", why);
	conn_close(c);
	return false;
}

static bool
take_header(struct client_conn *c, const struct proxy_v2 *pp)
{
	if (pp->command == PROXY_V2_LOCAL) {
		if (pp->draining && pp->generation != 0) {
			front_drain_generation(c->front, pp->generation);
			c->front->on_drain_told(c->front, pp->generation);
		}
		linger(c);
		return false;
	}
	c->identity = identity_from_header(&c->front->tls_params, pp);
	if (c->identity == NULL) {
		shortage_note_memory(c->front);
		conn_close(c);
		return false;
	}
	c->last = c->last || pp->draining;
	set_state(c, CLIENT_IDLE);
	return true;
}

/* Each step returns true when the next state should be looked at at once. */
static bool
step_announce(struct client_conn *c)
{
	struct proxy_v2 pp;
	size_t used;
	const char *why;

	switch (proxy_v2_decode(buf_slice(&c->stream.in), &pp, &used, &why)) {
	case PROXY_V2_BAD:
		return refuse_header(c, why);
	case PROXY_V2_MORE:
		if (c->stream.ended)
			return buf_len(&c->stream.in) > 0
				   ? refuse_header(c, "it ends in the middle")
				   : (conn_close(c), false);
		return false;
	case PROXY_V2_DONE:
		break;
	}
	if (!take_header(c, &pp))
		return false;
	buf_consume(&c->stream.in, used);
	return true;
}

/* As it came, or what has come of it. */
static struct slice
first_line(const struct client_conn *c)
{
	struct slice line =
	    slice_from(buf_slice(&c->stream.in), c->scan.head_start);

	line = slice_first(line, slice_find(line, '\n'));
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return slice_first(line, REFUSED_LINE_MAX);
}

static void
hand_over(struct client_conn *c, enum reason why)
{
	struct front *f = c->front;

	f->request.line = why != REASON_OK ? first_line(c) : SLICE_NONE;
	memset(&c->scan, 0, sizeof(c->scan));
	set_state(c, CLIENT_EXCHANGE);
	c->n_requests++;
	if (why != REASON_OK) { /* whatever was parsed is not to be used */
		f->request.head.method = SLICE_NONE;
		f->request.head.target = SLICE_NONE;
		f->request.head.method_id = METHOD_OTHER;
		f->request.head.minor = 1;
		fields_reset(&f->request.head.fields);
	}
	f->handler->on_request(c, &f->request, why);
	stream_buf_give(f->streams, &f->request.bytes);
}

/* The head's bytes stay where they are, for its slices; the rest moves. */
static bool
part_head_from_rest(struct client_conn *c, size_t head_bytes)
{
	struct buf *in = &c->stream.in;
	struct slice rest = slice_from(buf_slice(in), head_bytes);
	struct buf next = { 0 };

	if (rest.len > 0) {
		if (!stream_buf_take(c->front->streams, &next) ||
		    !buf_append(
			&next, rest.p, rest.len, rest.len + STREAM_BUF_BYTES)) {
			buf_release(&next);
			return false;
		}
	}
	c->front->request.bytes = *in;
	*in = next;
	return true;
}

static bool
step_head(struct client_conn *c)
{
	struct front *f = c->front;
	struct slice in = buf_slice(&c->stream.in);
	enum reason why = REASON_OK;
	size_t used;

	if (in.len > 0 && c->state == CLIENT_IDLE)
		set_state(c, CLIENT_HEAD);
	switch (h1_read_request(
	    &c->scan, in, &f->limits, &f->request.head, &used, &why)) {
	case H1_MORE:
		if (c->stream.ended)
			conn_close(c);
		return false;
	case H1_BAD:
		c->last = true;
		hand_over(c, why);
		return true;
	case H1_DONE:
		break;
	}
	if (!part_head_from_rest(c, used)) {
		conn_close(c);
		return false;
	}
	hand_over(c, REASON_OK);
	return true;
}

static bool
step(struct client_conn *c)
{
	switch (c->state) {
	case CLIENT_ANNOUNCE:
		return step_announce(c);
	case CLIENT_IDLE:
		if (buf_len(&c->stream.in) == 0) {
			if (c->stream.ended)
				conn_close(c);
			return false;
		}
		return step_head(c);
	case CLIENT_HEAD:
		return step_head(c);
	case CLIENT_EXCHANGE:
	case CLIENT_LINGER:
	case CLIENT_CLOSED:
		return false;
	}
	return false;
}

static void
advance(struct client_conn *c)
{
	if (c->advancing)
		return;
	c->advancing = true;
	while (step(c))
		continue;
	c->advancing = false;
	if (c->state == CLIENT_EXCHANGE || c->state == CLIENT_CLOSED)
		return;
	stream_rest(&c->stream);
	stream_want(&c->stream, true);
}

static size_t
max_fill(const struct client_conn *c)
{
	if (c->state == CLIENT_ANNOUNCE)
		return PROXY_V2_MAX;
	return h1_max_head_bytes(&c->front->limits) + 1;
}

static void
read_more(struct client_conn *c)
{
	size_t got;
	enum stream_verdict v;

	if (c->state == CLIENT_LINGER)
		v = stream_read(&c->stream, c->front->streams->scratch,
		    STREAM_SCRATCH_BYTES, &got);
	else
		v = stream_fill(&c->stream, max_fill(c));
	if (v == STREAM_FAILED ||
	    (v == STREAM_END && c->state == CLIENT_LINGER)) {
		conn_close(c);
		return;
	}
	if (v == STREAM_OK && c->state == CLIENT_LINGER)
		linger_on(c);
	advance(c);
}

static void
on_ready(struct watch *w, unsigned events)
{
	struct client_conn *c =
	    container_of(stream_of(w), struct client_conn, stream);

	if (c->state == CLIENT_EXCHANGE)
		c->front->handler->on_progress(c, events);
	else
		read_more(c);
}

/* A request that is here already is answered: timers come before sockets. */
static void
leave_idle(struct client_conn *c)
{
	read_more(c);
	if (c->state != CLIENT_IDLE || deadline_is_set(&c->deadline))
		return;
	linger(c);
	if (c->state == CLIENT_LINGER)
		advance(c);
}

static void
on_expire(struct deadline *d)
{
	struct client_conn *c = container_of(d, struct client_conn, deadline);

	switch (c->state) {
	case CLIENT_ANNOUNCE:
		(void)refuse_header(c, "it did not come in time");
		return;
	case CLIENT_IDLE:
		leave_idle(c);
		return;
	case CLIENT_HEAD:
		c->last = true;
		hand_over(c, REASON_HEADER_TIMEOUT);
		advance(c);
		return;
	case CLIENT_EXCHANGE:
		c->front->handler->on_expire(c);
		return;
	case CLIENT_LINGER:
		conn_close(c);
		return;
	case CLIENT_CLOSED:
		return;
	}
}

/* from outside ----------------------------------------------------------- */

static struct client_conn *
conn_take(struct front *f)
{
	struct client_conn *c = TAILQ_FIRST(&f->spare);

	if (c == NULL)
		return mem_try(sizeof(*c));
	TAILQ_REMOVE(&f->spare, c, entry);
	f->n_spare--;
	memset(c, 0, sizeof(*c));
	return c;
}

bool
client_conn_new(struct front *f, int fd, struct identity *who)
{
	struct client_conn *c = conn_take(f);

	if (c == NULL)
		return false;
	if (!stream_open(&c->stream, f->streams, fd, on_ready)) {
		mem_free(c);
		return false;
	}
	c->front = f;
	c->identity = who;
	c->serial = ++f->serial;
	c->state = who == NULL ? CLIENT_ANNOUNCE : CLIENT_IDLE;
	c->last = f->draining;
	deadline_init(&c->deadline, f->deadlines, on_expire);
	deadline_set(&c->deadline, state_ms(c, c->state));
	TAILQ_INSERT_TAIL(&f->conns, c, entry);
	f->n_conns++;
	c->plain = who != NULL;
	if (c->plain)
		f->n_plain++;
	metrics_add(f->metrics,
	    who == NULL ? M_CONNECTIONS_ANNOUNCED : M_CONNECTIONS_PLAIN, 1);
	metrics_add(f->metrics, M_CONNECTIONS_OPEN, 1);
	stream_want(&c->stream, true);
	return true;
}

void
client_conn_finish(struct client_conn *c, bool keep)
{
	CHECK(c->state == CLIENT_EXCHANGE);
	c->exchange = NULL;
	if (keep && c->stream.write_error == 0)
		set_state(c, CLIENT_IDLE);
	else
		linger(c);
	advance(c);
}

enum stream_verdict
client_conn_read_ahead(struct client_conn *c)
{
	return stream_fill(&c->stream, READ_AHEAD_BYTES);
}

bool
client_conn_may_read_ahead(const struct client_conn *c)
{
	return buf_len(&c->stream.in) < READ_AHEAD_BYTES;
}

static void
ask_to_leave(struct client_conn *c)
{
	if (c->last)
		return;
	c->last = true;
	if (c->state == CLIENT_IDLE)
		deadline_set(&c->deadline, DRAIN_GRACE_MS);
}

void
front_drain(struct front *f)
{
	struct client_conn *c;

	f->draining = true;
	TAILQ_FOREACH (c, &f->conns, entry)
		ask_to_leave(c);
}

/*
 * What the kernel does to the sockets of a process that has ended looks like
 * an orderly end: a body that ends with the connection would look whole.
 */
void
front_cut(struct front *f)
{
	struct client_conn *c;

	front_drain(f);
	TAILQ_FOREACH (c, &f->conns, entry)
		if (c->state == CLIENT_EXCHANGE)
			f->handler->on_cut(c);
}

/* The drain conversation: clients of that generation are asked to leave. */
void
front_drain_generation(struct front *f, uint32_t generation)
{
	struct client_conn *c;
	unsigned n = 0;

	TAILQ_FOREACH (c, &f->conns, entry) {
		if (c->state == CLIENT_CLOSED || !is_announced(c) ||
		    identity_generation(c->identity) != generation)
			continue;
		ask_to_leave(c);
		n++;
	}
	log_debug("tlsd generation %u drains, %u connections of it",
	    (unsigned)generation, n);
}
