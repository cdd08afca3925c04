/*
 * Where a message body ends: the decision from the head (RFC 9112 section
 * 6.3) and the reader that follows it through the bytes.  Pure.  Anything
 * that two servers might read differently is refused.
 */
#ifndef RPROXY_HTTP_FRAMING_H
#define RPROXY_HTTP_FRAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"
#include "rproxy/http/message.h"
#include "rproxy/http/reason.h"

enum body_kind {
	BODY_NONE,
	BODY_LENGTH,
	BODY_CHUNKED,
	BODY_UNTIL_CLOSE, /* responses only */
};

struct framing {
	enum body_kind kind;
	uint64_t length;  /* BODY_LENGTH */
	bool of_response; /* whose fault a bad chunk is */
};

/* REASON_OK, or why the message is refused. */
enum reason
framing_of_request(const struct request_head *r, struct framing *out);
/* request: the method that this is the answer to (HEAD has no body). */
enum reason framing_of_response(
    const struct response_head *r, enum method request, struct framing *out);

enum body_state {
	BODY_DATA,
	BODY_SIZE,     /* chunk-size */
	BODY_SIZE_EXT, /* chunk extension: skipped, bounded */
	BODY_SIZE_LF,
	BODY_DATA_CR,
	BODY_DATA_LF,
	BODY_TRAILER_START, /* at the start of a trailer line */
	BODY_TRAILER_NAME,
	BODY_TRAILER_VALUE,
	BODY_TRAILER_LF,
	BODY_END_LF,
	BODY_END,
};

/* longer than any name that a trailer must not have */
#define BODY_NAME_MAX 20

struct body_read {
	struct framing framing;
	enum body_state state;
	uint64_t left;       /* of the length or of the chunk */
	unsigned line_bytes; /* of the line or the trailer section so far */
	unsigned n_digits;
	char name[BODY_NAME_MAX]; /* of the trailer field, its first bytes */
	unsigned name_len;        /* all of it */
};

enum body_verdict {
	BODY_DONE, /* the message is complete */
	BODY_MORE,
	BODY_BAD,
};

void body_read_init(struct body_read *b, const struct framing *f);
/*
 * Looks at in: *used_bytes were taken, of which *content (one run, maybe
 * empty) is body.  MORE with used_bytes < in.len: call again with the rest.
 * After DONE the rest of in belongs to the next message.  Trailers are
 * checked and dropped (RFC 9110 section 6.5.1 allows it).  BAD: *why is
 * REASON_BAD_CHUNK, of a response REASON_RESPONSE_CODING.
 */
enum body_verdict body_read_next(struct body_read *b, struct slice in,
    size_t *used_bytes, struct slice *content, enum reason *why);
/* len_bytes of a body with a length have gone past unseen. */
void body_read_skip(struct body_read *b, uint64_t len_bytes);
/* What the end of the connection means: DONE for until-close, else BAD. */
enum body_verdict body_read_eof(struct body_read *b);

/* chunk-size and CRLF into out; returns the length. */
#define CHUNK_HEAD_MAX 20
size_t chunk_head(char out[CHUNK_HEAD_MAX], uint64_t len_bytes);

#endif
