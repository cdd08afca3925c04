/*
 * Heads to bytes: everything is written anew, field by field, never copied
 * through (DESIGN, 5).  Pure.  All return false when the buffer's ceiling or
 * memory is reached.
 */
#ifndef RPROXY_HTTP_H1_WRITE_H
#define RPROXY_HTTP_H1_WRITE_H

#include "common/buf.h"
#include "rproxy/http/message.h"

/* "GET /path HTTP/1.1" CRLF; target as given */
bool h1_write_request_line(struct buf *out, struct slice method,
    struct slice target, size_t max_bytes);
/* "HTTP/1.1 200 OK" CRLF */
bool h1_write_status_line(
    struct buf *out, unsigned status, struct slice reason, size_t max_bytes);
bool h1_write_field(
    struct buf *out, struct slice name, struct slice value, size_t max_bytes);
/* All that are not dropped, in order. */
bool h1_write_fields(struct buf *out, const struct fields *f, size_t max_bytes);
bool h1_write_end(struct buf *out, size_t max_bytes); /* empty line */
/* The registered phrase, "" for unknown ones. */
struct slice h1_phrase(unsigned status);

#endif
