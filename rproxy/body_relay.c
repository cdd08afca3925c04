/*
 * Bodies between two sockets.  Runs in the worker; owned by the exchange, one
 * per direction.
 *
 * Everything that one read brought leaves as one chunk, however small the
 * chunks were that it came in: a sender of one-byte chunks cannot make us
 * send a system call, or six bytes, for each.  Small pieces are moved together
 * inside the caller's memory (content only ever moves to the front, over
 * framing that has been read); large ones are sent from where they are.
 */
#include <string.h>

#include "rproxy/body_relay.h"

#define MAX_PIECES 64
#define SMALL_BYTES 1024

struct pieces {
	struct iovec v[MAX_PIECES + 2]; /* chunk-size in front, CRLF behind */
	unsigned n;                     /* the first is left free */
	size_t bytes;
};

void
body_relay_init(struct body_relay *r, const struct framing *from,
    bool to_chunked, uint64_t max_bytes)
{
	memset(r, 0, sizeof(*r));
	body_read_init(&r->reader, from);
	r->to_chunked = to_chunked;
	r->max_bytes = max_bytes;
	r->done = from->kind == BODY_NONE ||
		  (from->kind == BODY_LENGTH && from->length == 0);
}

static void
add_piece(struct pieces *p, char *content, size_t len)
{
	struct iovec *last = p->n > 1 ? &p->v[p->n - 1] : NULL;

	p->bytes += len;
	if (last != NULL && (len < SMALL_BYTES || p->n > MAX_PIECES)) {
		char *end = (char *)last->iov_base + last->iov_len;
		if (end != content)
			memmove(end, content, len);
		last->iov_len += len;
		return;
	}
	p->v[p->n++] = (struct iovec){ content, len };
}

static enum body_verdict
collect(struct body_relay *r, char *bytes, size_t len_bytes, struct pieces *p,
    size_t *used_bytes, enum reason *why)
{
	enum body_verdict v = BODY_MORE;
	size_t at = 0;

	while (v == BODY_MORE && at < len_bytes) {
		struct slice in = { bytes + at, len_bytes - at }, content;
		size_t used = 0;
		v = body_read_next(&r->reader, in, &used, &content, why);
		if (v != BODY_BAD && content.len > 0)
			add_piece(p, bytes + (content.p - bytes), content.len);
		at += used;
	}
	*used_bytes = at;
	return v;
}

static enum body_relay_verdict
send_pieces(
    struct body_relay *r, struct pieces *p, struct stream *to, bool is_last)
{
	static char end[] = "\r\n0\r\n\r\n";
	char head[CHUNK_HEAD_MAX];
	struct iovec *v = &p->v[1];
	unsigned n = p->n - 1;

	if (r->to_chunked && p->bytes > 0) {
		p->v[0] = (struct iovec){ head, chunk_head(head, p->bytes) };
		v = &p->v[0];
		p->v[p->n++] = (struct iovec){ end, is_last ? 7 : 2 };
		n = p->n;
	} else if (r->to_chunked && is_last) {
		v[n++] = (struct iovec){ end + 2, 5 };
	}
	r->content_bytes += p->bytes;
	r->done = is_last;
	if (stream_send(to, v, n) == STREAM_FAILED)
		return BODY_RELAY_SINK;
	return is_last ? BODY_RELAY_DONE : BODY_RELAY_MORE;
}

enum body_relay_verdict
body_relay_feed(struct body_relay *r, char *bytes, size_t len_bytes,
    struct stream *to, size_t *used_bytes, enum reason *why)
{
	struct pieces p;

	p.n = 1;
	p.bytes = 0;
	*used_bytes = 0;
	if (r->done)
		return stream_flush(to) == STREAM_FAILED ? BODY_RELAY_SINK
							 : BODY_RELAY_DONE;
	enum body_verdict v = collect(r, bytes, len_bytes, &p, used_bytes, why);
	if (v == BODY_BAD)
		return BODY_RELAY_BAD;
	if (r->max_bytes != 0 && r->content_bytes + p.bytes > r->max_bytes)
		return BODY_RELAY_LARGE;
	return send_pieces(r, &p, to, v == BODY_DONE);
}

uint64_t
body_relay_passable(const struct body_relay *r)
{
	const struct framing *from = &r->reader.framing;

	if (r->done || r->to_chunked || from->kind != BODY_LENGTH)
		return 0;
	if (r->max_bytes != 0 && from->length > r->max_bytes)
		return 0;
	return r->reader.left;
}

void
body_relay_passed(struct body_relay *r, size_t len_bytes)
{
	body_read_skip(&r->reader, len_bytes);
	r->content_bytes += len_bytes;
	r->done = r->reader.left == 0;
}

enum body_relay_verdict
body_relay_eof(struct body_relay *r, struct stream *to, enum reason *why)
{
	struct pieces p;

	p.n = 1;
	p.bytes = 0;
	if (body_read_eof(&r->reader) != BODY_DONE) {
		*why = REASON_RESPONSE_INCOMPLETE;
		return BODY_RELAY_BAD;
	}
	return send_pieces(r, &p, to, true);
}
