/*
 * HTTP/1.x message heads: bytes in, struct out.  Pure.  The head is searched
 * for its end, within the limits, and for what no grammar allows (bare LF,
 * NUL); then its lines are read by the letter (start line, bare CR, names,
 * values, folding); last it is held against what llhttp (all lenient flags
 * off, and used here alone) makes of it.  RFC 9112 sections 2 to 5.
 *
 * A request is good when h1_read_request(), target_parse(), target_host()
 * and framing_of_request() all say so; a response when h1_read_response()
 * and framing_of_response() do.
 */
#ifndef RPROXY_HTTP_H1_READ_H
#define RPROXY_HTTP_H1_READ_H

#include "common/slice.h"
#include "rproxy/http/message.h"
#include "rproxy/http/reason.h"

struct h1_limits {
	unsigned max_line_bytes;    /* request line or status line */
	unsigned max_headers_bytes; /* all fields with their line ends */
	unsigned max_headers;
	unsigned max_field_bytes; /* one with its line end; 0: no other limit */
};

/*
 * The most that has to be buffered for a head within the limits; a reader
 * that holds as much and gets MORE again does not exist.
 */
size_t h1_max_head_bytes(const struct h1_limits *l);

enum h1_verdict {
	H1_DONE,
	H1_MORE,
	H1_BAD,
};

/* Search state between two calls; zero it for a new message. */
struct h1_scan {
	size_t checked_bytes; /* of the input, already looked at */
	size_t head_start;    /* 2 behind an empty line, else 0 */
	size_t line_start;
	size_t fields_start;
	unsigned n_lines;
};

/*
 * in: all bytes buffered since the start of the message; each call sees the
 * same bytes plus new ones (they may have moved in memory).  DONE: *out is
 * filled (fields reset first), *used_bytes is the length of the head with
 * its empty line and with one empty line in front of a request, if there was
 * one.  BAD: *why says it; for a response REASON_BAD_RESPONSE,
 * REASON_RESPONSE_LENGTH, _CODING or _TOO_LARGE.
 */
enum h1_verdict h1_read_request(struct h1_scan *scan, struct slice in,
    const struct h1_limits *l, struct request_head *out, size_t *used_bytes,
    enum reason *why);
enum h1_verdict h1_read_response(struct h1_scan *scan, struct slice in,
    const struct h1_limits *l, struct response_head *out, size_t *used_bytes,
    enum reason *why);

#endif
