/*
 * One line of a message head, without its CRLF, read by the letter of the
 * grammar.  Pure.  Tokens point into the line.
 */
#ifndef RPROXY_HTTP_H1_LINE_H
#define RPROXY_HTTP_H1_LINE_H

#include "common/slice.h"
#include "rproxy/http/message.h"
#include "rproxy/http/reason.h"

/*
 * Method, target and version of out; fields are not touched.  The target is
 * free of spaces, the rest of it is target_parse()'s business.
 */
enum reason h1_line_request(struct slice line, struct request_head *out);
/* Version, status and reason phrase of out. */
enum reason h1_line_status(struct slice line, struct response_head *out);
/* The line is not empty; *value is trimmed. */
enum reason
h1_line_field(struct slice line, struct slice *name, struct slice *value);

#endif
