/*
 * Where a body ends.  Pure; used by rproxy's workers, for both sides.
 *
 *	             +--------------------------------------------+
 *	             v                                            |
 *	SIZE -> [SIZE_EXT] -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF
 *	                         |
 *	                         | size 0
 *	                         v
 *	   +-> TRAILER_START -> TRAILER_NAME -> TRAILER_VALUE -> TRAILER_LF
 *	   |         |                                              |
 *	   |         v                                              |
 *	   |       END_LF -> END                                    |
 *	   +--------------------------------------------------------+
 *
 * A body with a length, or until close, knows DATA and END alone.
 *
 * Smuggling lives on what two servers read differently, so of all that a
 * recipient "may" put up with nothing is put up with: RFC 9112 sections 6.1,
 * 6.3 and 7.1, each choice said where it is made.
 */
#include <string.h>

#include "common/check.h"
#include "common/number.h"
#include "rproxy/http/field_values.h"
#include "rproxy/http/framing.h"

/* Nobody needs extensions; long ones were used to exhaust servers. */
#define CHUNK_EXT_MAX 256
#define TRAILERS_MAX 8192
/* Of a uint64_t; more digits are leading zeros that nobody sends. */
#define SIZE_DIGITS_MAX 16

/* "gzip, chunked": a sound list that ends in the one "chunked". */
static bool
is_sound_coding_list(struct slice list)
{
	struct slice part = SLICE_NONE;
	bool chunked = false;

	while (slice_split(&list, ',', &part)) {
		part = slice_trim(part);
		if (chunked || !is_token(part))
			return false;
		chunked = slice_eq_nocase(part, SLICE("chunked"));
	}
	return chunked;
}

/*
 * RFC 9112 section 6.1: a coding that we do not know is 501.  Without
 * "chunked" at the end it is 400 (section 6.3), and so is all that is made to
 * look like chunked to one and not to another: "xchunked", "chunked, chunked",
 * "chunked;q=1", "\"chunked\"", ", chunked".
 */
static enum reason
check_coding(const struct fields *f, const struct field *te)
{
	if (fields_next(f, te) != NULL)
		return REASON_BAD_CODING;
	if (slice_eq_nocase(te->value, SLICE("chunked")))
		return REASON_OK;
	if (is_sound_coding_list(te->value))
		return REASON_UNKNOWN_CODING;
	return REASON_BAD_CODING;
}

/*
 * 1*DIGIT, once.  A list of equal lengths may be folded into one by RFC 9110
 * section 8.6; it is refused.  So is what is negative to a signed reader.
 */
static enum reason
check_length(const struct fields *f, const struct field *cl, uint64_t *length)
{
	if (fields_next(f, cl) != NULL)
		return REASON_BAD_LENGTH;
	if (!number_parse(cl->value, length) || *length > INT64_MAX)
		return REASON_BAD_LENGTH;
	return REASON_OK;
}

/* BODY_NONE where the fields say nothing. */
static enum reason
framing_of_fields(const struct fields *f, unsigned minor, struct framing *out)
{
	const struct field *te = fields_first(f, FIELD_TRANSFER_ENCODING);
	const struct field *cl = fields_first(f, FIELD_CONTENT_LENGTH);

	if (te != NULL && minor == 0)
		return REASON_CODING_IN_1_0;
	if (te != NULL && cl != NULL)
		return REASON_BOTH_LENGTHS;
	if (te != NULL) {
		out->kind = BODY_CHUNKED;
		return check_coding(f, te);
	}
	if (cl != NULL) {
		out->kind = BODY_LENGTH;
		return check_length(f, cl, &out->length);
	}
	return REASON_OK;
}

/* name is as, but for an underscore. */
static bool
is_disguised(struct slice name, struct slice as)
{
	size_t n;

	if (name.len != as.len)
		return false;
	n = slice_find(as, '-');
	return name.p[n] == '_' &&
	       slice_eq_nocase(slice_first(name, n), slice_first(as, n)) &&
	       slice_eq_nocase(slice_from(name, n + 1), slice_from(as, n + 1));
}

/*
 * "Transfer_Encoding" is a field like any other, but not to servers that hand
 * fields on as variables (CGI and its children), where both have one name.
 */
static enum reason
check_disguised(const struct fields *f)
{
	for (unsigned i = 0; i < f->n; i++) {
		if (is_disguised(f->v[i].name, SLICE("transfer-encoding")))
			return REASON_BAD_CODING;
		if (is_disguised(f->v[i].name, SLICE("content-length")))
			return REASON_BAD_LENGTH;
	}
	return REASON_OK;
}

enum reason
framing_of_request(const struct request_head *r, struct framing *out)
{
	enum reason why = check_disguised(&r->fields);

	*out = (struct framing){ .kind = BODY_NONE };
	return why != REASON_OK ? why
				: framing_of_fields(&r->fields, r->minor, out);
}

/* Whatever the fields say (RFC 9112 section 6.3, item 1). */
static bool
has_no_body(unsigned status, enum method request)
{
	return request == METHOD_HEAD || status < 200 || status == 204 ||
	       status == 304;
}

enum reason
framing_of_response(
    const struct response_head *r, enum method request, struct framing *out)
{
	enum reason why;

	*out = (struct framing){ .kind = BODY_NONE, .of_response = true };
	why = framing_of_fields(&r->fields, r->minor, out);
	if (why == REASON_BAD_LENGTH || why == REASON_BOTH_LENGTHS)
		return REASON_RESPONSE_LENGTH;
	if (why != REASON_OK)
		return REASON_RESPONSE_CODING;
	if (has_no_body(r->status, request))
		*out =
		    (struct framing){ .kind = BODY_NONE, .of_response = true };
	else if (out->kind == BODY_NONE)
		out->kind = BODY_UNTIL_CLOSE;
	return REASON_OK;
}

void
body_read_init(struct body_read *b, const struct framing *f)
{
	*b = (struct body_read){ .framing = *f, .state = BODY_END };

	switch (f->kind) {
	case BODY_NONE:
		break;
	case BODY_LENGTH:
		b->left = f->length;
		if (b->left > 0)
			b->state = BODY_DATA;
		break;
	case BODY_CHUNKED:
		b->state = BODY_SIZE;
		break;
	case BODY_UNTIL_CLOSE:
		b->state = BODY_DATA;
		break;
	}
}

static struct slice
take_data(struct body_read *b, struct slice in)
{
	if (b->framing.kind == BODY_UNTIL_CLOSE)
		return in;
	if (in.len > b->left)
		in.len = (size_t)b->left;
	b->left -= in.len;
	if (b->left == 0)
		b->state =
		    b->framing.kind == BODY_CHUNKED ? BODY_DATA_CR : BODY_END;
	return in;
}

/*
 * Digits, then CR or ';'.  White space before either is refused, although
 * section 7.1.1 lets it be skipped in front of ';': some servers end the
 * number there, some the line.
 */
static bool
step_size(struct body_read *b, char c)
{
	uint64_t digit;

	if (number_parse_hex((struct slice){ &c, 1 }, &digit)) {
		b->left = b->left << 4 | digit;
		return ++b->n_digits <= SIZE_DIGITS_MAX;
	}
	if (b->n_digits == 0 || b->left > INT64_MAX)
		return false;
	b->line_bytes = 0;
	if (c == '\r')
		b->state = BODY_SIZE_LF;
	else if (c == ';')
		b->state = BODY_SIZE_EXT;
	else
		return false;
	return true;
}

static bool
step_ext(struct body_read *b, char c)
{
	if (c == '\r')
		b->state = BODY_SIZE_LF;
	else if (!is_field_char(c) || ++b->line_bytes > CHUNK_EXT_MAX)
		return false;
	return true;
}

/* The one byte that may be here. */
static bool
expect(struct body_read *b, char c, char wanted, enum body_state next)
{
	if (c != wanted)
		return false;
	b->state = next;
	return true;
}

static bool
after_size_line(struct body_read *b, char c)
{
	b->line_bytes = 0;
	return expect(
	    b, c, '\n', b->left == 0 ? BODY_TRAILER_START : BODY_DATA);
}

static bool
after_chunk(struct body_read *b, char c)
{
	b->left = 0;
	b->n_digits = 0;
	return expect(b, c, '\n', BODY_SIZE);
}

/*
 * Trailers are dropped, so these do no harm to what is behind us; but who
 * sends them is up to something (RFC 9110 section 6.5.1).
 */
static bool
may_be_trailer(const struct body_read *b)
{
	if (b->name_len == 0)
		return false;
	if (b->name_len > BODY_NAME_MAX)
		return true;
	switch (field_id_of((struct slice){ b->name, b->name_len })) {
	case FIELD_TRANSFER_ENCODING:
	case FIELD_CONTENT_LENGTH:
	case FIELD_HOST:
		return false;
	default:
		return true;
	}
}

static bool
step_trailer_name(struct body_read *b, char c)
{
	if (c == ':') {
		b->state = BODY_TRAILER_VALUE;
		return may_be_trailer(b);
	}
	if (!is_tchar(c))
		return false;
	if (b->name_len < BODY_NAME_MAX)
		b->name[b->name_len] = c;
	b->name_len++;
	return true;
}

static bool
step_trailer(struct body_read *b, char c)
{
	if (++b->line_bytes > TRAILERS_MAX)
		return false;
	if (b->state == BODY_TRAILER_NAME)
		return step_trailer_name(b, c);
	if (b->state == BODY_TRAILER_VALUE && c != '\r')
		return is_field_char(c);
	if (b->state == BODY_TRAILER_VALUE)
		return expect(b, c, '\r', BODY_TRAILER_LF);
	/* at the start of a line */
	if (c == '\r')
		return expect(b, c, '\r', BODY_END_LF);
	b->state = BODY_TRAILER_NAME;
	b->name_len = 0;
	return step_trailer_name(b, c);
}

/* One byte that is not body. */
static bool
step(struct body_read *b, char c)
{
	switch (b->state) {
	case BODY_SIZE:
		return step_size(b, c);
	case BODY_SIZE_EXT:
		return step_ext(b, c);
	case BODY_SIZE_LF:
		return after_size_line(b, c);
	case BODY_DATA_CR:
		return expect(b, c, '\r', BODY_DATA_LF);
	case BODY_DATA_LF:
		return after_chunk(b, c);
	case BODY_TRAILER_START:
	case BODY_TRAILER_NAME:
	case BODY_TRAILER_VALUE:
		return step_trailer(b, c);
	case BODY_TRAILER_LF:
		return expect(b, c, '\n', BODY_TRAILER_START);
	case BODY_END_LF:
		return expect(b, c, '\n', BODY_END);
	case BODY_DATA:
	case BODY_END:
		break;
	}
	return false;
}

enum body_verdict
body_read_next(struct body_read *b, struct slice in, size_t *used_bytes,
    struct slice *content, enum reason *why)
{
	size_t i = 0;

	*content = SLICE_NONE;
	while (i < in.len && b->state != BODY_END) {
		if (b->state != BODY_DATA) {
			if (step(b, in.p[i++]))
				continue;
			*used_bytes = i;
			*why = b->framing.of_response ? REASON_RESPONSE_CODING
						      : REASON_BAD_CHUNK;
			return BODY_BAD;
		}
		if (content->len > 0)
			break; /* one run at a time */
		*content = take_data(b, slice_from(in, i));
		i += content->len;
	}
	*used_bytes = i;
	return b->state == BODY_END ? BODY_DONE : BODY_MORE;
}

void
body_read_skip(struct body_read *b, uint64_t len_bytes)
{
	CHECK(b->framing.kind == BODY_LENGTH && len_bytes <= b->left);
	b->left -= len_bytes;
	if (b->left == 0)
		b->state = BODY_END;
}

enum body_verdict
body_read_eof(struct body_read *b)
{
	if (b->framing.kind == BODY_UNTIL_CLOSE)
		b->state = BODY_END;
	return b->state == BODY_END ? BODY_DONE : BODY_BAD;
}

size_t
chunk_head(char out[CHUNK_HEAD_MAX], uint64_t len_bytes)
{
	static const char hex[] = "0123456789abcdef";
	unsigned n = 1;

	for (uint64_t rest = len_bytes >> 4; rest > 0; rest >>= 4)
		n++;
	for (unsigned i = n; i-- > 0; len_bytes >>= 4)
		out[i] = hex[len_bytes & 15];
	memcpy(out + n, "\r\n", 2);
	return n + 2;
}
