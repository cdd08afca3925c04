/*
 * HTTP/1.x heads to structs.  Pure; used by rproxy's workers, for both sides.
 *
 *	scan	the end of the head, line by line, within the limits
 *	read	the lines, strictly (h1_line.c): what is in the structs
 *	llhttp	once over the complete head, as a witness: it must find every
 *		token where we have found it
 *
 * What one of the two readers refuses is refused, and so is what they read
 * differently.  llhttp takes seven instructions for each byte, and large
 * cookies are most of the bytes that come: of a long value it is shown the
 * two ends.  The middle is field characters, as h1_line.c has seen, and these
 * are what llhttp passes over there, unless it reads the field itself.
 *
 * llhttp 8.1 alone, all lenient flags off and built with LLHTTP_STRICT_MODE,
 * lets these through:
 *
 *	a: b CRLF SP c			folded
 *	: b				a field without a name
 *	GET / CRLF			HTTP/0.9
 *	GET / HTTP/2.0, GET / RTSP/1.0
 *	GET SP SP / HTTP/1.1		also in front of HTTP/1.1
 *	GET /a#b HTTP/1.1, GET * HTTP/1.1, GET ftp://h/, GET http://[::1
 *	Content-Length: HTAB 5		no space to every reader
 *	Transfer-Encoding: xchunked	before the body is looked at; also
 *					"chunked;q=1" and any in HTTP/1.0
 *	CRLF CRLF CRLF GET / HTTP/1.1	any number of empty lines
 *	HTTP/1.1 099 x, HTTP/1.1 20 x, HTTP/1.1 SP SP 200 OK, HTTP/2.0 200 OK
 *	HTTP/1.1 200 O^AK		controls in the reason phrase
 *
 * Targets are target.c's business, lengths and codings framing.c's.
 * RFC 9112 sections 2 to 5.
 */
#include <llhttp.h>
#include <string.h>

#include "rproxy/http/framing.h"
#include "rproxy/http/h1_line.h"
#include "rproxy/http/h1_read.h"

#define CRLF_BYTES 2

/* A value from here on is shown to llhttp by so much of its two ends. */
#define LONG_BYTES 40
#define SHOWN_BYTES 4

/*
 * What llhttp finds, beside what we have found.  Of the fields the names are
 * enough: between the colon behind one and the next name, or the end, there is
 * one line of field characters, as h1_line.c has seen, and that is the value.
 */
struct witness {
	const struct fields *fields; /* borrowed: ours */
	unsigned n;                  /* of them it has found so many */
	bool differs;
	struct slice start; /* target or reason phrase */
};

size_t
h1_max_head_bytes(const struct h1_limits *l)
{
	/* an empty line, the start line, the fields, the last line */
	return CRLF_BYTES + l->max_line_bytes + CRLF_BYTES +
	       l->max_headers_bytes + CRLF_BYTES;
}

/* scan ------------------------------------------------------------------- */

static size_t
max_field_bytes(const struct h1_limits *l)
{
	return l->max_field_bytes != 0 ? l->max_field_bytes
				       : l->max_headers_bytes;
}

/* The line that is open must have ended before this offset. */
static size_t
window_end(const struct h1_scan *s, const struct h1_limits *l)
{
	size_t all, one;

	if (s->n_lines == 0)
		return s->head_start + l->max_line_bytes + CRLF_BYTES;
	all = s->fields_start + l->max_headers_bytes + CRLF_BYTES;
	one = s->line_start + max_field_bytes(l);
	return one < all ? one : all;
}

static enum reason
too_large(const struct h1_scan *s)
{
	return s->n_lines == 0 ? REASON_URI_TOO_LONG : REASON_HEADERS_TOO_LARGE;
}

/* Behind the empty line that ends at next. */
static enum h1_verdict
on_empty_line(struct h1_scan *s, size_t next, bool request, enum reason *why)
{
	if (s->n_lines > 0)
		return H1_DONE;
	/* one in front of a request: RFC 9112 section 2.2 */
	if (!request || s->head_start > 0) {
		*why = REASON_BAD_REQUEST_LINE;
		return H1_BAD;
	}
	s->head_start = s->line_start = next;
	return H1_MORE;
}

/*
 * A line that ends in front of next, within its window; H1_MORE: not the last.
 */
static enum h1_verdict
on_line(struct h1_scan *s, struct slice in, size_t next,
    const struct h1_limits *l, bool request, enum reason *why)
{
	if (next - s->line_start < CRLF_BYTES || in.p[next - 2] != '\r') {
		*why = REASON_BAD_LINE_END;
		return H1_BAD;
	}
	if (next - s->line_start == CRLF_BYTES)
		return on_empty_line(s, next, request, why);
	if (s->n_lines > 0 &&
	    (s->n_lines > l->max_headers ||
		next - s->fields_start > l->max_headers_bytes)) {
		*why = REASON_HEADERS_TOO_LARGE;
		return H1_BAD;
	}
	if (s->n_lines++ == 0)
		s->fields_start = next;
	s->line_start = next;
	return H1_MORE;
}

/* Up to the end of the head or of what is there. */
static enum h1_verdict
scan_lines(struct h1_scan *s, struct slice in, const struct h1_limits *l,
    bool request, enum reason *why)
{
	enum h1_verdict v = H1_MORE;

	while (v == H1_MORE && s->checked_bytes < in.len) {
		size_t end = window_end(s, l);
		size_t stop = end < in.len ? end : in.len;
		const char *lf = memchr(
		    in.p + s->checked_bytes, '\n', stop - s->checked_bytes);

		if (lf != NULL) {
			s->checked_bytes = (size_t)(lf - in.p) + 1;
			v = on_line(s, in, s->checked_bytes, l, request, why);
			continue;
		}
		s->checked_bytes = stop;
		if (stop == end) {
			*why = too_large(s);
			return H1_BAD;
		}
	}
	return v;
}

/*
 * The answer must not depend on how the bytes were split, so the first thing
 * wrong wins: a NUL in front of where the scan stopped came first.
 */
static enum h1_verdict
scan_head(struct h1_scan *s, struct slice in, const struct h1_limits *l,
    bool request, enum reason *why)
{
	size_t from = s->checked_bytes;
	enum h1_verdict v = scan_lines(s, in, l, request, why);

	if (s->checked_bytes > from &&
	    memchr(in.p + from, '\0', s->checked_bytes - from) != NULL) {
		*why = REASON_BAD_LINE_END;
		return H1_BAD;
	}
	return v;
}

/* llhttp ----------------------------------------------------------------- */

/* A token may come in pieces, one behind the other. */
static void
extend(struct slice *s, const char *at, size_t len)
{
	if (s->p == NULL)
		s->p = at;
	s->len = (size_t)(at - s->p) + len;
}

static bool
is_same(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || a.p == b.p);
}

/* Target or reason phrase. */
static int
on_start_line(llhttp_t *p, const char *at, size_t len)
{
	struct witness *w = p->data;

	extend(&w->start, at, len);
	return 0;
}

static int
on_header_field(llhttp_t *p, const char *at, size_t len)
{
	struct witness *w = p->data;
	const struct fields *f = w->fields;
	unsigned i = w->n++;

	if (i >= f->n || !is_same(f->v[i].name, (struct slice){ at, len }))
		w->differs = true;
	return 0;
}

static int
on_headers_complete(llhttp_t *p)
{
	(void)p;
	return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
	.on_url = on_start_line,
	.on_status = on_start_line,
	.on_header_field = on_header_field,
	.on_headers_complete = on_headers_complete,
};

/* Whether llhttp only looks for the end of such a value. */
static bool
is_skippable(const struct field *v)
{
	const uint32_t read_by_llhttp =
	    FIELD_BIT(FIELD_CONNECTION) | FIELD_BIT(FIELD_PROXY_CONNECTION) |
	    FIELD_BIT(FIELD_CONTENT_LENGTH) |
	    FIELD_BIT(FIELD_TRANSFER_ENCODING) | FIELD_BIT(FIELD_UPGRADE);

	return v->value.len >= LONG_BYTES &&
	       (FIELD_BIT(v->id) & read_by_llhttp) == 0;
}

/* The head, without the middle of long values. */
static llhttp_errno_t
show(llhttp_t *parser, struct slice head, const struct fields *f)
{
	const char *at = head.p;

	for (unsigned i = 0; i < f->n; i++) {
		const struct field *v = &f->v[i];
		const char *middle;
		llhttp_errno_t e;

		if (!is_skippable(v))
			continue;
		middle = v->value.p + SHOWN_BYTES;
		e = llhttp_execute(parser, at, (size_t)(middle - at));
		if (e != HPE_OK)
			return e;
		at = v->value.p + v->value.len - SHOWN_BYTES;
	}
	return llhttp_execute(parser, at, (size_t)(head.p + head.len - at));
}

/* HPE_PAUSED: a complete head, nothing more and nothing less. */
static llhttp_errno_t
run_llhttp(llhttp_type_t type, struct slice head, struct witness *w)
{
	llhttp_t parser;
	llhttp_errno_t e;

	llhttp_init(&parser, type, &callbacks);
	parser.data = w;
	e = show(&parser, head, w->fields);
	if (e != HPE_PAUSED)
		return e == HPE_OK ? HPE_INVALID_EOF_STATE : e;
	/* it stops on the last byte or behind it */
	if (llhttp_get_error_pos(&parser) + 1 < head.p + head.len)
		return HPE_INVALID_EOF_STATE;
	if (w->n != w->fields->n)
		w->differs = true;
	return HPE_PAUSED;
}

/* read ------------------------------------------------------------------- */

/* What a scan that is through has found. */
static struct slice
head_of(const struct h1_scan *s, struct slice in)
{
	return slice_from(slice_first(in, s->checked_bytes), s->head_start);
}

/* Its first line, without the CRLF. */
static struct slice
line_of(const struct h1_scan *s, struct slice in)
{
	return slice_from(
	    slice_first(in, s->fields_start - CRLF_BYTES), s->head_start);
}

/* The field lines and the empty line. */
static struct slice
behind(struct slice head, struct slice line)
{
	return slice_from(head, line.len + CRLF_BYTES);
}

/* llhttp refused what our own reader finds nothing wrong with. */
static enum reason
explain_request(llhttp_errno_t e, const struct request_head *r)
{
	struct framing framing;
	enum reason why = framing_of_request(r, &framing);

	if (why != REASON_OK)
		return why;
	/*
	 * Its list of methods is short; an invalid constant is a method of
	 * another protocol (the version is right here), and a CONNECT to what
	 * is no authority is a CONNECT.
	 */
	if (e == HPE_INVALID_METHOD || e == HPE_INVALID_CONSTANT ||
	    r->method_id == METHOD_CONNECT)
		return REASON_METHOD_REFUSED;
	return e == HPE_INVALID_URL ? REASON_BAD_TARGET
				    : REASON_BAD_REQUEST_LINE;
}

static enum reason
read_request(struct slice head, struct slice line, struct request_head *out)
{
	struct witness w = { .fields = &out->fields };
	enum reason why = h1_line_request(line, out);
	llhttp_errno_t e;

	if (why == REASON_OK)
		why = h1_line_fields(behind(head, line), &out->fields);
	if (why != REASON_OK)
		return why;
	e = run_llhttp(HTTP_REQUEST, head, &w);
	if (e != HPE_PAUSED)
		return explain_request(e, out);
	if (!is_same(w.start, out->target))
		return REASON_BAD_TARGET;
	return w.differs ? REASON_BAD_FIELD_VALUE : REASON_OK;
}

/* What is wrong with a response has fewer names. */
static enum reason
response_reason(enum reason why)
{
	switch (why) {
	case REASON_OK:
	case REASON_NO_MEMORY:
	case REASON_RESPONSE_LENGTH:
	case REASON_RESPONSE_CODING:
		return why;
	case REASON_URI_TOO_LONG:
	case REASON_HEADERS_TOO_LARGE:
		return REASON_RESPONSE_TOO_LARGE;
	case REASON_BAD_LENGTH:
	case REASON_BOTH_LENGTHS:
		return REASON_RESPONSE_LENGTH;
	case REASON_BAD_CODING:
	case REASON_UNKNOWN_CODING:
	case REASON_CODING_IN_1_0:
		return REASON_RESPONSE_CODING;
	default:
		return REASON_BAD_RESPONSE;
	}
}

static enum reason
explain_response(const struct response_head *r)
{
	struct framing framing;
	enum reason why = framing_of_response(r, METHOD_GET, &framing);

	return why != REASON_OK ? why : REASON_BAD_RESPONSE;
}

static enum reason
read_response(struct slice head, struct slice line, struct response_head *out)
{
	struct witness w = { .fields = &out->fields };
	enum reason why = h1_line_status(line, out);

	if (why == REASON_OK)
		why = h1_line_fields(behind(head, line), &out->fields);
	if (why != REASON_OK)
		return why;
	if (run_llhttp(HTTP_RESPONSE, head, &w) != HPE_PAUSED)
		return explain_response(out);
	return w.differs || !is_same(w.start, out->reason) ? REASON_BAD_RESPONSE
							   : REASON_OK;
}

enum h1_verdict
h1_read_request(struct h1_scan *scan, struct slice in,
    const struct h1_limits *l, struct request_head *out, size_t *used_bytes,
    enum reason *why)
{
	enum h1_verdict v = scan_head(scan, in, l, true, why);

	if (v != H1_DONE)
		return v;
	*used_bytes = scan->checked_bytes;
	fields_reset(&out->fields);
	*why = read_request(head_of(scan, in), line_of(scan, in), out);
	return *why == REASON_OK ? H1_DONE : H1_BAD;
}

enum h1_verdict
h1_read_response(struct h1_scan *scan, struct slice in,
    const struct h1_limits *l, struct response_head *out, size_t *used_bytes,
    enum reason *why)
{
	enum h1_verdict v = scan_head(scan, in, l, false, why);

	if (v == H1_BAD)
		*why = response_reason(*why);
	if (v != H1_DONE)
		return v;
	*used_bytes = scan->checked_bytes;
	fields_reset(&out->fields);
	*why = response_reason(
	    read_response(head_of(scan, in), line_of(scan, in), out));
	return *why == REASON_OK ? H1_DONE : H1_BAD;
}
