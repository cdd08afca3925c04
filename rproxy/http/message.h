/*
 * A message head in memory: what a reader fills and a writer takes.  All
 * slices point into the bytes read, or into the exchange's arena.
 */
#ifndef RPROXY_HTTP_MESSAGE_H
#define RPROXY_HTTP_MESSAGE_H

#include "rproxy/http/fields.h"

enum method {
	METHOD_OTHER = 0,
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD_TRACE,
	METHOD_CONNECT,
	METHOD_PATCH,
};

struct request_head {
	struct slice method; /* as sent: case matters */
	enum method method_id;
	struct slice target; /* as sent */
	unsigned minor;      /* HTTP/1.minor: 0 or 1 */
	struct fields fields;
};

struct response_head {
	unsigned status; /* 100-999 */
	struct slice reason;
	unsigned minor;
	struct fields fields;
};

enum method method_of(struct slice name);
/* RFC 9110 section 9.2.2 */
bool method_is_idempotent(enum method m);

#endif
