/*
 * The response on its way to the client.  Runs in the worker.
 *
 * A head is read, rewritten and written anew within one callback, out of the
 * scratch space; only one that comes in pieces is kept in the connection's
 * buffer.  The body that came along with it leaves in the same writev.
 *
 * Nothing of a response has been sent until its head is complete and its
 * framing beyond doubt: until then every fault is a clean 502.  After that a
 * fault can only be shown by ending the client's connection so that it
 * notices (RFC 9112 section 8).
 */
#include <string.h>

#include "rproxy/exchange_state.h"
#include "rproxy/metrics_table.h"
#include "rproxy/request_upgrade.h"
#include "rproxy/response_fields.h"
#include "rproxy/rewrite/cookies.h"

#define MAX_INTERIM 16 /* at once, and one more each second */

/* head --------------------------------------------------------------------- */

/* Where a cookie of ours binds clients: to whoever has answered. */
static bool
bind_client(struct exchange *x)
{
	const struct pool_conf *pool = x->plan.pool;
	const struct http_conf *http = &x->plan.site->http;
	const struct sticky_wishes *w = &x->tries.wishes;
	bool secure = cookies_are_secure(http, x->who.https);
	unsigned server =
	    (unsigned)(x->server->server->conf - x->plan.pool->server);
	struct slice value;

	if (pool->sticky != STICKY_COOKIE || pool->n_server < 2 ||
	    (w->n > 0 && w->server[0] == server))
		return true;
	value = sticky_cookie(
	    pool, server, secure, cookies_same_site(http, secure), &x->arena);
	return value.p != NULL &&
	       fields_add(&x->response.fields, SLICE("Set-Cookie"), value);
}

static bool
rewrite(struct exchange *x)
{
	return response_fields_rewrite(
		   &x->response, &x->plan, &x->who, &x->arena) &&
	       bind_client(x);
}

/* A length says something about a body only where there could be one; of an
 * answer to HEAD, and of a 304, it tells what there would be. */
static void
drop_length(struct exchange *x)
{
	if (x->front.has_no_body || x->response.status == 304)
		return;
	fields_drop(&x->response.fields, FIELD_CONTENT_LENGTH);
}

/* RFC 9112 section 9.3, and whether the server says how long it waits. */
static enum reason
take_connection_options(struct exchange *x, const struct framing *framing)
{
	struct fields *f = &x->response.fields;
	const struct field *ka = fields_first(f, FIELD_KEEP_ALIVE);
	struct hop_by_hop hop;

	if (x->response.minor == 0)
		x->server->server->has_said_1_0 = true;
	else
		x->server->server->has_said_1_1 = true;
	if (ka != NULL)
		reuse_narrow(&x->server->limits, ka->value);
	if (hop_by_hop_remove(f, &hop) != REASON_OK)
		return REASON_BAD_RESPONSE;
	x->may_park = framing->kind != BODY_UNTIL_CLOSE && !hop.close &&
		      (x->response.minor >= 1 || hop.keep_alive);
	return REASON_OK;
}

static enum reason
feed(struct exchange *x, char *bytes, size_t len)
{
	enum reason why = REASON_OK;
	size_t used = 0;

	switch (body_relay_feed(
	    &x->down, bytes, len, &x->client->stream, &used, &why)) {
	case BODY_RELAY_MORE:
	case BODY_RELAY_DONE:
		if (used < len) /* nobody asked for more (9112, 9.2) */
			x->may_park = false;
		return REASON_OK;
	case BODY_RELAY_SINK:
		return REASON_CLIENT_GONE;
	case BODY_RELAY_BAD:
	case BODY_RELAY_LARGE:
		break;
	}
	return why;
}

/* A server may say 102 every few seconds, for as long as it works. */
static bool
are_too_many_interim(const struct exchange *x)
{
	uint64_t seconds = (exchange_now_ms(x) - x->begun_ms) / 1000;

	return x->n_interim > MAX_INTERIM + seconds;
}

static enum reason
interim(struct exchange *x)
{
	struct hop_by_hop hop;

	x->n_interim++;
	if (are_too_many_interim(x) ||
	    hop_by_hop_remove(&x->response.fields, &hop) != REASON_OK)
		return REASON_BAD_RESPONSE;
	if (x->response.status == 100) {
		x->expects_continue = false;
		if (x->has_continued) /* we were quicker */
			return REASON_OK;
	}
	fields_drop(&x->response.fields, FIELD_CONTENT_LENGTH);
	if (!response_fields_rewrite_interim(
		&x->response, &x->plan, &x->who, &x->arena))
		return REASON_NO_MEMORY;
	return h1_front_interim(&x->front, x->client, &x->response)
		   ? REASON_OK
		   : REASON_NO_MEMORY;
}

/*
 * Only to what was asked for (RFC 9110 section 7.8); bytes: the first ones of
 * the new protocol.
 */
static enum reason
change_protocol(struct exchange *x, char *bytes, size_t len)
{
	struct response_head *r = &x->response;
	struct iovec v = { bytes, len };
	struct hop_by_hop hop;

	if (hop_by_hop_remove(&r->fields, &hop) != REASON_OK || !hop.upgrade ||
	    r->minor == 0 ||
	    !request_upgrade_is_answer(x->plan.upgrade, hop.upgrade_to))
		return REASON_BAD_UPGRADE;
	fields_drop(&r->fields, FIELD_CONTENT_LENGTH);
	if (!rewrite(x) ||
	    !h1_front_switch(&x->front, x->client, r, hop.upgrade_to))
		return REASON_NO_MEMORY;
	x->head_ms = (int64_t)(exchange_now_ms(x) - x->begun_ms);
	x->status = r->status;
	x->state = EXCHANGE_TUNNEL;
	metrics_add(x->home->metrics, M_TUNNELS_OPEN, 1);
	tunnel_init(&x->tunnel, &x->client->stream, &x->server->stream);
	x->tunnel.down_bytes = len;
	return stream_send(&x->client->stream, &v, len > 0) == STREAM_FAILED
		   ? REASON_CLIENT_GONE
		   : REASON_OK;
}

/*
 * The server has lost its patience with an idle connection while our request
 * was on its way (RFC 9110 section 15.5.9), so we have it sent again.  On a
 * connection of its own, or where it must not be repeated, it is the answer.
 */
static bool
has_timed_out_idle(const struct exchange *x)
{
	return x->response.status == 408 && !x->may_park && x->is_reused &&
	       x->need == REUSE_ANY && x->n_retries == 0 && x->n_interim == 0;
}

/* It has not left yet: a fault of the body that came with it can be told. */
static void
take_head_back(struct exchange *x, size_t out_bytes)
{
	buf_shorten(&x->client->stream.out, out_bytes);
	x->front.head_is_out = false;
	x->status = 0;
	x->head_ms = -1;
}

/* bytes: what came behind the head. */
static enum reason
final(struct exchange *x, char *bytes, size_t len)
{
	size_t out_bytes = buf_len(&x->client->stream.out);
	struct framing framing;
	enum reason why = framing_of_response(
	    &x->response, x->request.head.method_id, &framing);

	if (why == REASON_OK)
		why = take_connection_options(x, &framing);
	if (why != REASON_OK)
		return why;
	if (has_timed_out_idle(x)) {
		x->has_begun = false;
		return REASON_SERVER_CLOSED;
	}
	drop_length(x);
	if (!rewrite(x))
		return REASON_NO_MEMORY;
	if (!exchange_request_is_read(x)) /* an early answer (9112, 9.3) */
		x->front.keep = false;
	x->head_ms = (int64_t)(exchange_now_ms(x) - x->begun_ms);
	x->status = x->response.status;
	if (!h1_front_head(
		&x->front, x->client, &x->response, &framing, exchange_date(x)))
		return REASON_NO_MEMORY;
	body_relay_init(&x->down, &framing, x->front.body_is_chunked, 0);
	why = feed(x, bytes, len);
	if (why != REASON_OK && why != REASON_CLIENT_GONE)
		take_head_back(x, out_bytes);
	return why;
}

static enum reason
last_head(struct exchange *x, char *bytes, size_t len)
{
	return x->response.status == 101 ? change_protocol(x, bytes, len)
					 : final(x, bytes, len);
}

/* *used: bytes of heads that were complete, and of what followed. */
static enum reason
take_heads(struct exchange *x, char *bytes, size_t len, size_t *used)
{
	const struct h1_limits *limits = &x->home->response_limits;
	enum reason why = REASON_OK;
	size_t head;

	*used = 0;
	while (*used < len) {
		struct slice in = { bytes + *used, len - *used };
		switch (h1_read_response(
		    &x->scan, in, limits, &x->response, &head, &why)) {
		case H1_MORE:
			return REASON_OK;
		case H1_BAD:
			return why;
		case H1_DONE:
			break;
		}
		memset(&x->scan, 0, sizeof(x->scan));
		*used += head;
		if (x->response.status >= 200 || x->response.status == 101) {
			why = last_head(x, bytes + *used, len - *used);
			*used = len;
			return why;
		}
		why = interim(x);
		if (why != REASON_OK)
			return why;
	}
	return REASON_OK;
}

static enum reason
no_response(const struct exchange *x, enum reason why)
{
	return x->has_begun ? REASON_RESPONSE_INCOMPLETE : why;
}

static enum reason
send_interim(struct exchange *x)
{
	if (x->status != 0)
		return REASON_OK;
	return stream_flush(&x->client->stream) == STREAM_FAILED
		   ? REASON_CLIENT_GONE
		   : REASON_OK;
}

/* The first bytes, or more of a head that is in the buffer already. */
static enum reason
read_head(struct exchange *x)
{
	struct stream *from = &x->server->stream;
	struct stream_home *home = from->home;
	bool is_kept = buf_len(&from->in) > 0;
	char *bytes = home->scratch;
	size_t len = 0, used = 0;
	size_t max_bytes = h1_max_head_bytes(&x->home->response_limits) + 1;
	enum stream_verdict v;

	if (x->server->spoke_first)
		return REASON_SERVER_CLOSED; /* as good as */
	v = is_kept ? stream_fill(from, max_bytes)
		    : stream_read(from, bytes, STREAM_SCRATCH_BYTES, &len);
	if (v == STREAM_END)
		return no_response(x, REASON_SERVER_CLOSED);
	if (v == STREAM_FAILED)
		return no_response(x, REASON_SERVER_RESET);
	if (v == STREAM_WAIT)
		return REASON_OK;
	x->has_begun = true;
	if (is_kept) {
		bytes = buf_bytes(&from->in);
		len = buf_len(&from->in);
	}
	enum reason why = take_heads(x, bytes, len, &used);
	if (why != REASON_OK)
		return why;
	if (is_kept)
		buf_consume(&from->in, used);
	else if (used < len &&
		 (!stream_buf_take(home, &from->in) ||
		     !buf_append(&from->in, bytes + used, len - used,
			 max_bytes + STREAM_SCRATCH_BYTES)))
		return REASON_NO_MEMORY;
	return send_interim(x);
}

/* body --------------------------------------------------------------------- */

/* The same where nobody has to look at the bytes. */
static enum reason
pass_body(struct exchange *x)
{
	struct stream *to = &x->client->stream;
	size_t n;

	switch (stream_pass(
	    &x->server->stream, to, body_relay_passable(&x->down), &n)) {
	case STREAM_OK:
		body_relay_passed(&x->down, n);
		return REASON_OK;
	case STREAM_WAIT:
		return REASON_OK;
	case STREAM_FAILED:
		if (to->write_error != 0)
			return REASON_CLIENT_GONE;
		break;
	case STREAM_END:
		break;
	}
	return REASON_RESPONSE_INCOMPLETE;
}

static enum reason
read_body(struct exchange *x)
{
	struct stream *from = &x->server->stream;
	char *scratch = from->home->scratch;
	enum reason why = REASON_OK;
	size_t len = 0;

	switch (stream_read(from, scratch, STREAM_SCRATCH_BYTES, &len)) {
	case STREAM_OK:
		return feed(x, scratch, len);
	case STREAM_WAIT:
		return REASON_OK;
	case STREAM_FAILED:
		return REASON_RESPONSE_INCOMPLETE;
	case STREAM_END:
		if (server_conn_was_cut(x->server))
			return REASON_RESPONSE_INCOMPLETE;
		break;
	}
	switch (body_relay_eof(&x->down, &x->client->stream, &why)) {
	case BODY_RELAY_SINK:
		return REASON_CLIENT_GONE;
	case BODY_RELAY_BAD:
	case BODY_RELAY_LARGE:
		return why;
	case BODY_RELAY_MORE:
	case BODY_RELAY_DONE:
		break;
	}
	return REASON_OK;
}

bool
exchange_response_is_done(const struct exchange *x)
{
	return x->status >= 200 && x->down.done;
}

enum reason
exchange_response_step(struct exchange *x)
{
	bool ready = x->server_ready;

	x->server_ready = false;
	if (!ready || x->state != EXCHANGE_RELAY ||
	    exchange_response_is_done(x) || buf_len(&x->client->stream.out) > 0)
		return REASON_OK;
	if (x->status == 0)
		return read_head(x);
	if (stream_may_pass(&x->server->stream, &x->client->stream,
		body_relay_passable(&x->down)))
		return pass_body(x);
	return read_body(x);
}
