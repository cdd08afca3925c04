/*
 * The client's side of an HTTP/1.x exchange: what the client can take, and
 * how a response is put into those terms.  RFC 9112 sections 6 and 9.
 */
#ifndef RPROXY_FRONT_H1_FRONT_H
#define RPROXY_FRONT_H1_FRONT_H

#include "rproxy/front/client_conn.h"
#include "rproxy/http/framing.h"

/* Of a response head with ours: above the highest limit on what comes in. */
#define H1_FRONT_HEAD_MAX (20u * 1024 * 1024)

struct h1_front {
	unsigned minor;       /* of the request */
	bool keep;            /* the connection may serve another request */
	bool has_no_body;     /* the answer is to HEAD */
	bool head_is_out;     /* a final head has been written */
	bool body_is_chunked; /* towards the client */
};

/*
 * From the request: wants_close and wants_keep are its Connection options.
 */
void h1_front_begin(struct h1_front *h, const struct request_head *r,
    bool wants_close, bool wants_keep);

/* A 1xx head into the client's buffer; nothing for an HTTP/1.0 client. */
bool h1_front_interim(
    struct h1_front *h, struct client_conn *c, const struct response_head *r);
/* A 100 of our own: the client waits, and the server says nothing. */
bool h1_front_continue(struct client_conn *c);
/*
 * The 101 head into the client's buffer: the connection changes to protocol,
 * the value of Upgrade.
 */
bool h1_front_switch(struct h1_front *h, struct client_conn *c,
    const struct response_head *r, struct slice protocol);
/*
 * The final head into the client's buffer, nothing is sent yet.  body is how
 * the body comes from the server; Content-Length and Connection are written
 * here and must not be among the fields, except Content-Length where there
 * is no body (HEAD, 304).  date: RFC 9110 section 6.6.1, added if missing.
 * False: memory is short.
 */
bool h1_front_head(struct h1_front *h, struct client_conn *c,
    const struct response_head *r, const struct framing *body,
    struct slice date);
/* That a status cannot have one: RFC 9110 section 6.4.1. */
bool h1_front_may_have_body(const struct h1_front *h, unsigned status);

#endif
