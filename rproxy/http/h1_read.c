/*
 * HTTP/1.x heads to structs.  Pure; used by rproxy's workers, for both sides.
 *
 *	scan	the end of the head, line by line, within the limits
 *	llhttp	once over the complete head: finds the tokens
 *	check	the lines again (h1_line.c): every token must be where a
 *		strict reader finds it
 *
 * What one of the two readers refuses is refused, and so is what they read
 * differently.  llhttp 8.1 alone, all lenient flags off and built with
 * LLHTTP_STRICT_MODE, lets these through:
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

/* What llhttp found, besides the fields. */
struct found {
	struct fields *fields; /* borrowed */
	struct slice target;
	struct slice reason;
	struct slice name; /* of the field under way */
	struct slice value;
	bool no_memory;
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

/* A line that ends in front of next; H1_MORE: not the last. */
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
		next - s->line_start > max_field_bytes(l) ||
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

static int
on_url(llhttp_t *p, const char *at, size_t len)
{
	struct found *found = p->data;

	extend(&found->target, at, len);
	return 0;
}

static int
on_status(llhttp_t *p, const char *at, size_t len)
{
	struct found *found = p->data;

	extend(&found->reason, at, len);
	return 0;
}

static int
on_header_field(llhttp_t *p, const char *at, size_t len)
{
	struct found *found = p->data;

	extend(&found->name, at, len);
	return 0;
}

static int
on_header_value(llhttp_t *p, const char *at, size_t len)
{
	struct found *found = p->data;

	extend(&found->value, at, len);
	return 0;
}

static int
on_header_value_complete(llhttp_t *p)
{
	struct found *found = p->data;

	if (!fields_add(found->fields, found->name, slice_trim(found->value))) {
		found->no_memory = true;
		return HPE_USER;
	}
	found->name = found->value = SLICE_NONE;
	return 0;
}

static int
on_headers_complete(llhttp_t *p)
{
	(void)p;
	return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
	.on_url = on_url,
	.on_status = on_status,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_header_value_complete = on_header_value_complete,
	.on_headers_complete = on_headers_complete,
};

/* HPE_PAUSED: a complete head, nothing more and nothing less. */
static llhttp_errno_t
run_llhttp(llhttp_type_t type, struct slice head, struct found *found)
{
	llhttp_t parser;
	llhttp_errno_t e;

	llhttp_init(&parser, type, &callbacks);
	parser.data = found;
	e = llhttp_execute(&parser, head.p, head.len);
	if (e != HPE_PAUSED)
		return e == HPE_OK ? HPE_INVALID_EOF_STATE : e;
	/* it stops on the last byte or behind it */
	if (llhttp_get_error_pos(&parser) + 1 < head.p + head.len)
		return HPE_INVALID_EOF_STATE;
	return HPE_PAUSED;
}

/* check ------------------------------------------------------------------ */

/* Takes a line off *rest; the scan has seen that there is one. */
static struct slice
take_line(struct slice *rest)
{
	size_t n = slice_find(*rest, '\n');
	struct slice line = slice_first(*rest, n - 1);

	*rest = slice_from(*rest, n + 1);
	return line;
}

static bool
is_same(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || a.p == b.p);
}

/*
 * section: the field lines and the empty line.  Where the two readers differ
 * there is most often a fault on the next line (folding): that one is named.
 */
static enum reason
check_fields(struct slice section, const struct fields *f)
{
	bool agree = true;
	unsigned i = 0;

	while (section.len > CRLF_BYTES) {
		struct slice name, value;
		enum reason why =
		    h1_line_field(take_line(&section), &name, &value);

		if (why != REASON_OK)
			return why;
		agree = agree && i < f->n && is_same(f->v[i].name, name) &&
			is_same(f->v[i].value, value);
		i++;
	}
	return agree && i == f->n ? REASON_OK : REASON_BAD_FIELD_VALUE;
}

/* After llhttp gave up: reads the fields anew, to say what is wrong. */
static enum reason
reread_fields(struct slice section, struct fields *f)
{
	fields_reset(f);
	while (section.len > CRLF_BYTES) {
		struct slice name, value;
		enum reason why =
		    h1_line_field(take_line(&section), &name, &value);

		if (why != REASON_OK)
			return why;
		if (!fields_add(f, name, value))
			return REASON_NO_MEMORY;
	}
	return REASON_OK;
}

/* llhttp refused what our own checks find nothing wrong with. */
static enum reason
explain_request(llhttp_errno_t e, struct slice section, struct request_head *r)
{
	struct framing framing;
	enum reason why = reread_fields(section, &r->fields);

	if (why == REASON_OK)
		why = framing_of_request(r, &framing);
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
read_request(struct slice head, struct request_head *out)
{
	struct found found = { .fields = &out->fields };
	llhttp_errno_t e = run_llhttp(HTTP_REQUEST, head, &found);
	enum reason why = h1_line_request(take_line(&head), out);

	if (found.no_memory)
		return REASON_NO_MEMORY;
	if (why != REASON_OK)
		return why;
	if (e != HPE_PAUSED)
		return explain_request(e, head, out);
	if (!is_same(found.target, out->target))
		return REASON_BAD_TARGET;
	return check_fields(head, &out->fields);
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
explain_response(struct slice section, struct response_head *r)
{
	struct framing framing;
	enum reason why = reread_fields(section, &r->fields);

	if (why != REASON_OK)
		return why;
	why = framing_of_response(r, METHOD_GET, &framing);
	return why != REASON_OK ? why : REASON_BAD_RESPONSE;
}

static enum reason
read_response(struct slice head, struct response_head *out)
{
	struct found found = { .fields = &out->fields };
	llhttp_errno_t e = run_llhttp(HTTP_RESPONSE, head, &found);
	enum reason why = h1_line_status(take_line(&head), out);

	if (found.no_memory)
		return REASON_NO_MEMORY;
	if (why != REASON_OK)
		return why;
	if (e != HPE_PAUSED)
		return explain_response(head, out);
	if (!is_same(found.reason, out->reason))
		return REASON_BAD_RESPONSE;
	return check_fields(head, &out->fields);
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
	in = slice_first(in, scan->checked_bytes);
	*why = read_request(slice_from(in, scan->head_start), out);
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
	    read_response(slice_first(in, scan->checked_bytes), out));
	return *why == REASON_OK ? H1_DONE : H1_BAD;
}
