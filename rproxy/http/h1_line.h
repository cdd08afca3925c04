/*
 * The lines of a message head, read by the letter of the grammar.  Pure.
 * Tokens point into the line.
 */
#ifndef RPROXY_HTTP_H1_LINE_H
#define RPROXY_HTTP_H1_LINE_H

#include "common/slice.h"
#include "rproxy/http/message.h"
#include "rproxy/http/reason.h"

/*
 * Method, target and version of out; fields are not touched.  line has no
 * CRLF.  The target is free of spaces, the rest of it is target_parse()'s
 * business.
 */
enum reason h1_line_request(struct slice line, struct request_head *out);
/* Version, status and reason phrase of out. */
enum reason h1_line_status(struct slice line, struct response_head *out);
/*
 * section: the field lines and the empty line; each ends in CRLF and has no
 * other LF, as h1_read.c has seen.  Adds to f, values trimmed, up to the first
 * line that is wrong.
 */
enum reason h1_line_fields(struct slice section, struct fields *f);

#endif
