/*
 * Responses in the client's terms.  Runs in the worker, owned by the exchange.
 *
 *	body from the server	to HTTP/1.1		to HTTP/1.0
 *	length			length			length
 *	chunked, until close	chunked			until close
 *
 * A body that ends with the connection ends the connection; everything else
 * may keep it (RFC 9112 sections 6.3 and 9.3).
 */
#include "common/number.h"
#include "rproxy/front/h1_front.h"
#include "rproxy/http/h1_write.h"

void
h1_front_begin(struct h1_front *h, const struct request_head *r,
    bool wants_close, bool wants_keep)
{
	*h = (struct h1_front){
		.minor = r->minor,
		.keep =
		    r->minor >= 1 ? !wants_close : wants_keep && !wants_close,
		.has_no_body = r->method_id == METHOD_HEAD,
	};
}

bool
h1_front_may_have_body(const struct h1_front *h, unsigned status)
{
	return !h->has_no_body && status != 204 && status != 304;
}

static bool
write_start(struct client_conn *c, const struct response_head *r)
{
	struct buf *out = &c->stream.out;
	struct slice phrase = r->reason;

	if (!stream_buf_take(c->front->streams, out))
		return false;
	if (phrase.len == 0)
		phrase = h1_phrase(r->status);
	return h1_write_status_line(
		   out, r->status, phrase, H1_FRONT_HEAD_MAX) &&
	       h1_write_fields(out, &r->fields, H1_FRONT_HEAD_MAX);
}

bool
h1_front_interim(
    struct h1_front *h, struct client_conn *c, const struct response_head *r)
{
	if (h->minor == 0)
		return true;
	return write_start(c, r) &&
	       h1_write_end(&c->stream.out, H1_FRONT_HEAD_MAX);
}

bool
h1_front_continue(struct client_conn *c)
{
	const struct response_head r = { .status = 100 };

	return write_start(c, &r) &&
	       h1_write_end(&c->stream.out, H1_FRONT_HEAD_MAX);
}

bool
h1_front_switch(struct h1_front *h, struct client_conn *c,
    const struct response_head *r, struct slice protocol)
{
	struct buf *out = &c->stream.out;

	h->keep = false;
	h->head_is_out = true;
	return write_start(c, r) &&
	       h1_write_field(out, SLICE("Connection"), SLICE("upgrade"),
		   H1_FRONT_HEAD_MAX) &&
	       h1_write_field(
		   out, SLICE("Upgrade"), protocol, H1_FRONT_HEAD_MAX) &&
	       h1_write_end(out, H1_FRONT_HEAD_MAX);
}

static bool
write_length(struct buf *out, uint64_t length)
{
	char digits[24];
	struct slice value = { digits, number_format(digits, length) };

	return h1_write_field(
	    out, SLICE("Content-Length"), value, H1_FRONT_HEAD_MAX);
}

static bool
write_framing(struct h1_front *h, struct buf *out, unsigned status,
    const struct framing *body)
{
	if (!h1_front_may_have_body(h, status))
		return true;
	switch (body->kind) {
	case BODY_NONE:
		return write_length(out, 0);
	case BODY_LENGTH:
		return write_length(out, body->length);
	case BODY_CHUNKED:
	case BODY_UNTIL_CLOSE:
		break;
	}
	if (h->minor == 0) {
		h->keep = false;
		return true;
	}
	h->body_is_chunked = true;
	return h1_write_field(out, SLICE("Transfer-Encoding"), SLICE("chunked"),
	    H1_FRONT_HEAD_MAX);
}

static bool
write_connection(const struct h1_front *h, struct buf *out)
{
	struct slice name = SLICE("Connection");

	if (!h->keep)
		return h1_write_field(
		    out, name, SLICE("close"), H1_FRONT_HEAD_MAX);
	if (h->minor == 0)
		return h1_write_field(
		    out, name, SLICE("keep-alive"), H1_FRONT_HEAD_MAX);
	return true;
}

bool
h1_front_head(struct h1_front *h, struct client_conn *c,
    const struct response_head *r, const struct framing *body,
    struct slice date)
{
	struct buf *out = &c->stream.out;

	if (c->last)
		h->keep = false;
	h->head_is_out = true;
	if (!write_start(c, r))
		return false;
	if (fields_first(&r->fields, FIELD_DATE) == NULL &&
	    !h1_write_field(out, SLICE("Date"), date, H1_FRONT_HEAD_MAX))
		return false;
	return write_framing(h, out, r->status, body) &&
	       write_connection(h, out) && h1_write_end(out, H1_FRONT_HEAD_MAX);
}
