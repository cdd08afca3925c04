/*
 * Whom an exchange waits for, and how long.  Runs in the worker.
 *
 *	the client's side			the server's side
 *	CONTINUE  that somebody says 100	SEND  that it takes ours
 *	BODY      its next bytes		HEAD  its whole head
 *	SEND      that it takes ours		BODY  its next bytes
 *	TUNNEL    that anything happens, on either side
 *
 * Each has a key of its own.  A deadline runs on from the last byte of what is
 * waited for, with two exceptions.  A response head must be complete in one
 * piece of time, however its bytes drip in; only an interim response begins
 * it anew.  A request body lives on a credit: body_timeout, used up while we
 * wait, and earned again with the bytes that come, at body_min_rate.  Only
 * time in which we wait for the client is charged to it: a server that takes
 * the body slowly is not the client's fault.
 */
#include "rproxy/exchange_state.h"

/* A client that expects 100 need not wait for ever (RFC 9110, 10.1.1). */
#define CONTINUE_MS 1000
#define NOW_MS 1

static bool
waits_for_continue(const struct exchange *x)
{
	return x->expects_continue && x->up.content_bytes == 0;
}

/* request_header_remove may have taken the field: then nobody else says it. */
static uint64_t
continue_ms(const struct exchange *x)
{
	const struct fields *f = &x->request.head.fields;

	return fields_first(f, FIELD_EXPECT) != NULL ? CONTINUE_MS : NOW_MS;
}

/* More of the request's body has a place to go. */
static bool
wants_body(const struct exchange *x)
{
	return x->state == EXCHANGE_RELAY && !exchange_request_is_read(x) &&
	       !x->up_stopped && buf_len(&x->server->stream.out) == 0;
}

static enum exchange_wait
client_wait(const struct exchange *x)
{
	if (x->state == EXCHANGE_TUNNEL)
		return WAIT_TUNNEL;
	if (buf_len(&x->client->stream.out) > 0)
		return WAIT_CLIENT_SEND;
	/* a client that has its answer may keep the rest to itself */
	if (x->status != 0 || !wants_body(x))
		return WAIT_NONE;
	return waits_for_continue(x) ? WAIT_CLIENT_CONTINUE : WAIT_CLIENT_BODY;
}

static enum exchange_wait
server_wait(const struct exchange *x)
{
	if (x->state != EXCHANGE_RELAY)
		return WAIT_NONE;
	/* one that answers already may leave the rest of the request */
	if (x->status == 0 && buf_len(&x->server->stream.out) > 0 &&
	    !x->up_stopped)
		return WAIT_SERVER_SEND;
	/* we do not read what the client would not take */
	if (buf_len(&x->client->stream.out) > 0)
		return WAIT_NONE;
	if (x->status != 0)
		return WAIT_SERVER_BODY;
	if (exchange_request_is_read(x) || x->up_stopped)
		return WAIT_SERVER_HEAD;
	return WAIT_NONE;
}

/* the body's credit -------------------------------------------------------- */

static uint64_t
max_credit_ms(const struct exchange *x)
{
	uint64_t own = x->plan.route->body_timeout_ms;

	return own != 0 ? own : x->home->front->config->body_timeout_ms;
}

static unsigned
min_rate(const struct exchange *x)
{
	unsigned own = x->plan.route->body_min_rate;

	return own != 0 ? own : x->home->front->config->body_min_rate;
}

static uint64_t
earned_ms(const struct exchange *x, uint64_t bytes)
{
	unsigned rate = min_rate(x);

	return rate == 0 ? UINT32_MAX : bytes * 1000 / rate;
}

/* Before the wait changes: what has been used up and earned since. */
static void
settle_credit(struct exchange *x)
{
	struct body_credit *k = &x->credit;
	uint64_t now = exchange_now_ms(x), max = max_credit_ms(x);
	uint64_t bytes = x->client->stream.bytes_in - k->bytes_in;
	uint64_t used =
	    x->client_wait.what == WAIT_CLIENT_BODY ? now - k->since_ms : 0;

	if (k->since_ms == 0)
		k->left_ms = max;
	k->left_ms = used < k->left_ms ? k->left_ms - used : 1;
	if (bytes > 0)
		k->left_ms += earned_ms(x, bytes);
	if (k->left_ms > max)
		k->left_ms = max;
	k->since_ms = now;
	k->bytes_in = x->client->stream.bytes_in;
}

/* deadlines ---------------------------------------------------------------- */

static uint64_t
wait_ms(struct exchange *x, enum exchange_wait what)
{
	const struct route_conf *route = x->plan.route;

	switch (what) {
	case WAIT_NONE:
		return 0;
	case WAIT_CLIENT_CONTINUE:
		return continue_ms(x);
	case WAIT_CLIENT_BODY:
		return x->credit.left_ms;
	case WAIT_CLIENT_SEND:
		return x->home->front->config->send_timeout_ms;
	case WAIT_SERVER_SEND:
		return route->timeout_ms;
	case WAIT_SERVER_HEAD:
		return route->first_byte_timeout_ms;
	case WAIT_SERVER_BODY:
		return route->read_timeout_ms;
	case WAIT_TUNNEL:
		return route->tunnel_timeout_ms;
	}
	return 0;
}

/*
 * A server that has begun its answer is not silent while it takes the rest of
 * the request; but a client that drips must not hold it for ever.  So what
 * body_min_rate asks for in read_timeout is one step.
 */
static uint64_t
steps_of_upload(const struct exchange *x)
{
	uint64_t step = min_rate(x) * x->plan.route->read_timeout_ms / 1000;

	return x->server->stream.bytes_out / (step > 0 ? step : 1);
}

/* A counter of what is waited for: when it moves, the time begins anew. */
static uint64_t
progress(const struct exchange *x, enum exchange_wait what)
{
	switch (what) {
	case WAIT_NONE:
	case WAIT_CLIENT_CONTINUE:
		return 0;
	case WAIT_CLIENT_BODY:
		return x->client->stream.bytes_in;
	case WAIT_CLIENT_SEND:
		return x->client->stream.bytes_out;
	case WAIT_SERVER_SEND:
		return x->server->stream.bytes_out;
	case WAIT_SERVER_HEAD:
		return x->n_interim;
	case WAIT_SERVER_BODY:
		return x->server->stream.bytes_in + steps_of_upload(x);
	case WAIT_TUNNEL:
		return tunnel_progress(&x->tunnel);
	}
	return 0;
}

static void
wait_for(struct exchange *x, struct deadline *d, struct waiting *w,
    enum exchange_wait what)
{
	uint64_t seen = progress(x, what);

	if (what == WAIT_NONE) {
		if (w->what != WAIT_NONE)
			deadline_clear(d);
	} else if (what != w->what || seen != w->progress) {
		deadline_set(d, wait_ms(x, what));
	}
	w->what = what;
	w->progress = seen;
}

static void
set_deadlines(struct exchange *x)
{
	enum exchange_wait what = client_wait(x);

	if (what == WAIT_CLIENT_BODY || x->client_wait.what == WAIT_CLIENT_BODY)
		settle_credit(x);
	wait_for(x, &x->client->deadline, &x->client_wait, what);
	if (x->server != NULL)
		wait_for(
		    x, &x->server->deadline, &x->server_wait, server_wait(x));
}

static void
set_interest(struct exchange *x)
{
	struct client_conn *c = x->client;
	bool read = exchange_request_is_read(x) || x->state == EXCHANGE_FLUSH
			? client_conn_may_read_ahead(c)
			: wants_body(x) && buf_len(&c->stream.out) == 0;

	stream_want(&c->stream, read);
	if (x->state == EXCHANGE_RELAY)
		stream_want(&x->server->stream, buf_len(&c->stream.out) == 0);
}

void
exchange_wait(struct exchange *x)
{
	set_deadlines(x);
	if (x->state == EXCHANGE_TUNNEL) {
		stream_rest(&x->client->stream);
		stream_rest(&x->server->stream);
		tunnel_want(&x->tunnel);
	} else {
		set_interest(x);
	}
}

enum reason
exchange_wait_reason(enum exchange_wait what, const struct exchange *x)
{
	switch (what) {
	case WAIT_CLIENT_BODY:
		return x->credit.left_ms < max_credit_ms(x) / 2
			   ? REASON_BODY_TOO_SLOW
			   : REASON_BODY_TIMEOUT;
	case WAIT_CLIENT_SEND:
		return REASON_SEND_TIMEOUT;
	case WAIT_SERVER_SEND:
		return REASON_WRITE_TIMEOUT;
	case WAIT_SERVER_HEAD:
		return REASON_RESPONSE_TIMEOUT;
	case WAIT_SERVER_BODY:
		return REASON_READ_TIMEOUT;
	case WAIT_TUNNEL:
		return REASON_TUNNEL_TIMEOUT;
	case WAIT_NONE:
	case WAIT_CLIENT_CONTINUE:
		break;
	}
	return REASON_INTERNAL;
}
