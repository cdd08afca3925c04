/*
 * The request on its way to the server.  Runs in the worker.
 *
 * The fields are rewritten once (request_fields.c), in the list that the
 * client's head was read into; each connection that is tried gets them
 * serialised anew, behind a Host of its own where the site does not preserve
 * it.  RFC 9112 section 6.
 */
#include "common/number.h"
#include "rproxy/exchange_state.h"
#include "rproxy/http/h1_write.h"
#include "rproxy/request_fields.h"

enum reason
exchange_request_rewrite(struct exchange *x)
{
	sticky_read(x->plan.pool, x->plan.site->app, x->request.head.target,
	    &x->request.head.fields, &x->tries.wishes);
	return request_fields_rewrite(
	    &x->request.head, &x->plan, &x->who, &x->arena);
}

static bool
write_host(struct exchange *x, struct buf *out)
{
	struct slice host = x->plan.host;

	if (!x->plan.site->http.preserve_host || host.len == 0)
		host = slice_of(x->server->server->authority);
	return h1_write_field(out, SLICE("Host"), host, EXCHANGE_HEAD_MAX);
}

static bool
write_destination(struct exchange *x, struct buf *out)
{
	struct slice to = x->plan.destination;

	if (to.p == NULL)
		return true;
	if (to.p[0] == '/' && !x->plan.site->http.preserve_host) {
		const struct server *server = x->server->server;
		struct slice parts[] = {
			server->conf->https ? SLICE("https://")
					    : SLICE("http://"),
			slice_of(server->authority),
			to,
		};

		to = arena_concat(&x->arena, parts, ARRAY_LEN(parts));
		if (to.p == NULL)
			return false;
	}
	return h1_write_field(out, SLICE("Destination"), to, EXCHANGE_HEAD_MAX);
}

static bool
write_framing(struct exchange *x, struct buf *out)
{
	const struct framing *f = &x->plan.framing;
	char digits[24];

	switch (f->kind) {
	case BODY_NONE:
		return true;
	case BODY_LENGTH:
		return h1_write_field(out, SLICE("Content-Length"),
		    (struct slice){ digits, number_format(digits, f->length) },
		    EXCHANGE_HEAD_MAX);
	case BODY_CHUNKED:
		return h1_write_field(out, SLICE("Transfer-Encoding"),
		    SLICE("chunked"), EXCHANGE_HEAD_MAX);
	case BODY_UNTIL_CLOSE: /* responses only */
		break;
	}
	CHECK(f->kind != BODY_UNTIL_CLOSE);
	return false;
}

/* What this connection is to be after the exchange. */
static bool
write_connection(struct exchange *x, struct buf *out)
{
	struct slice name = SLICE("Connection");

	if (x->plan.upgrade.len > 0)
		return h1_write_field(
			   out, name, SLICE("upgrade"), EXCHANGE_HEAD_MAX) &&
		       h1_write_field(out, SLICE("Upgrade"), x->plan.upgrade,
			   EXCHANGE_HEAD_MAX);
	if (!x->plan.pool->upstream_keepalive)
		return h1_write_field(
		    out, name, SLICE("close"), EXCHANGE_HEAD_MAX);
	return true;
}

static bool
write_head(struct exchange *x, struct buf *out)
{
	return h1_write_request_line(out, x->request.head.method, x->plan.path,
		   EXCHANGE_HEAD_MAX) &&
	       write_host(x, out) && write_destination(x, out) &&
	       h1_write_fields(
		   out, &x->request.head.fields, EXCHANGE_HEAD_MAX) &&
	       write_connection(x, out) && write_framing(x, out) &&
	       h1_write_end(out, EXCHANGE_HEAD_MAX);
}

/*
 * The server takes no more of it.  It may have answered before it closed: that
 * is read first (RFC 9112 section 9.5).
 */
static void
stop_request(struct exchange *x)
{
	x->up_stopped = true;
	x->server_ready = true;
}

static enum reason
feed(struct exchange *x, char *bytes, size_t len, size_t *used)
{
	enum reason why = REASON_OK;

	switch (body_relay_feed(
	    &x->up, bytes, len, &x->server->stream, used, &why)) {
	case BODY_RELAY_MORE:
	case BODY_RELAY_DONE:
		return REASON_OK;
	case BODY_RELAY_BAD:
		return why;
	case BODY_RELAY_LARGE:
		return REASON_BODY_TOO_LARGE;
	case BODY_RELAY_SINK:
		stop_request(x);
		return REASON_OK;
	}
	return REASON_INTERNAL;
}

/* What is in the client's buffer already. */
static enum reason
feed_buffered(struct exchange *x)
{
	struct buf *in = &x->client->stream.in;
	size_t used = 0;
	enum reason why = feed(x, buf_bytes(in), buf_len(in), &used);

	buf_consume(in, used);
	return why;
}

/*
 * RFC 9112 section 6.1.  Configured servers speak HTTP/1.1, unless all that
 * they have said was HTTP/1.0; many say it now and then, for old clients' sake
 * or in errors.
 */
static bool
may_not_know_chunks(const struct server *s)
{
	return s->has_said_1_0 && !s->has_said_1_1;
}

enum reason
exchange_request_begin(struct exchange *x)
{
	struct stream *to = &x->server->stream;

	if (x->plan.framing.kind == BODY_CHUNKED &&
	    may_not_know_chunks(x->server->server))
		return REASON_LENGTH_REQUIRED;
	if (!stream_buf_take(x->home->front->streams, &to->out))
		return REASON_NO_MEMORY;
	if (!write_head(x, &to->out))
		return REASON_NO_MEMORY;
	if (!x->up.done && buf_len(&x->client->stream.in) > 0)
		return feed_buffered(x);
	if (stream_flush(to) == STREAM_FAILED)
		stop_request(x);
	return REASON_OK;
}

/* Large bodies of known length, as they are. */
static enum reason
pass_from_socket(struct exchange *x)
{
	struct stream *to = &x->server->stream;
	size_t n;

	switch (stream_pass(
	    &x->client->stream, to, body_relay_passable(&x->up), &n)) {
	case STREAM_OK:
		body_relay_passed(&x->up, n);
		return REASON_OK;
	case STREAM_WAIT:
		return REASON_OK;
	case STREAM_FAILED:
		if (to->write_error != 0) {
			stop_request(x);
			return REASON_OK;
		}
		break;
	case STREAM_END:
		break;
	}
	return REASON_CLIENT_GONE;
}

static enum reason
feed_from_socket(struct exchange *x)
{
	char *scratch = x->home->front->streams->scratch;
	struct stream *from = &x->client->stream;
	size_t len = 0, used = 0;

	switch (stream_read(from, scratch, STREAM_SCRATCH_BYTES, &len)) {
	case STREAM_OK:
		break;
	case STREAM_WAIT:
		return REASON_OK;
	case STREAM_END:
	case STREAM_FAILED:
		return REASON_CLIENT_GONE;
	}
	enum reason why = feed(x, scratch, len, &used);
	if (why != REASON_OK || used == len)
		return why;
	/* The beginning of the next request, whatever became of this one. */
	return stream_buf_take(x->home->front->streams, &from->in) &&
		       buf_append(&from->in, scratch + used, len - used,
			   STREAM_SCRATCH_BYTES)
		   ? REASON_OK
		   : REASON_NO_MEMORY;
}

/* A client that has closed altogether, not just ended its requests. */
static enum reason
watch_client(struct exchange *x)
{
	switch (client_conn_read_ahead(x->client)) {
	case STREAM_OK:
	case STREAM_WAIT:
		return REASON_OK;
	case STREAM_END:
		return stream_is_gone(&x->client->stream) ? REASON_CLIENT_GONE
							  : REASON_OK;
	case STREAM_FAILED:
		return REASON_CLIENT_GONE;
	}
	return REASON_INTERNAL;
}

enum reason
exchange_request_step(struct exchange *x)
{
	bool ready = x->client_ready;

	x->client_ready = false;
	/* What is readable and is left there would wake us for ever. */
	if (x->up.done || x->state == EXCHANGE_FLUSH)
		return ready ? watch_client(x) : REASON_OK;
	if (x->state != EXCHANGE_RELAY || x->up_stopped ||
	    buf_len(&x->server->stream.out) > 0)
		return REASON_OK;
	if (buf_len(&x->client->stream.in) > 0)
		return feed_buffered(x);
	if (!ready)
		return REASON_OK;
	if (stream_may_pass(&x->client->stream, &x->server->stream,
		body_relay_passable(&x->up)))
		return pass_from_socket(x);
	return feed_from_socket(x);
}
