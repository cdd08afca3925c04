/*
 * Request targets and authorities.  Pure.  RFC 9112 section 3.2, RFC 3986.
 */
#ifndef RPROXY_HTTP_TARGET_H
#define RPROXY_HTTP_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"
#include "rproxy/http/message.h"
#include "rproxy/http/path.h"
#include "rproxy/http/reason.h"

enum target_form {
	TARGET_ORIGIN,   /* "/path?query" */
	TARGET_ABSOLUTE, /* "http://host/path?query" */
	/*
	 * "*", OPTIONS only; also "http://host" with nothing behind it (RFC
	 * 9112 section 3.2.4: the next hop is asked for "*")
	 */
	TARGET_ASTERISK,
};

struct target {
	enum target_form form;
	struct slice scheme;    /* where the URI had one */
	struct slice authority; /* likewise */
	struct slice path;      /* starts with '/'; "/" when it was empty */
	struct slice query;     /* without '?' */
	bool has_query;
};

/*
 * REASON_BAD_TARGET, or REASON_METHOD_REFUSED for CONNECT.  Of http and https
 * URIs alone; escapes are path_normalise()'s business.
 */
enum reason target_parse(struct slice raw, enum method m, struct target *out);

struct authority {
	struct slice host; /* without brackets, as sent */
	uint16_t port;     /* 0: not said */
	bool is_ipv6;      /* was in brackets */
};

/* host [":" port]; user info is refused.  False: malformed. */
bool authority_parse(struct slice text, struct authority *out);
/*
 * Whether two hosts without brackets are one: any case, and an IPv6 address
 * in any spelling (Java writes "fd00::1" as "fd00:0:0:0:0:0:0:1").
 */
bool authority_is_same_host(struct slice a, struct slice b);

/*
 * Whom the request is for: the target's authority, else Host.  *text as sent,
 * *out its parts; both empty when HTTP/1.0 names nobody.  REASON_BAD_HOST:
 * none in HTTP/1.1, empty, more than one, malformed, or other than the
 * target's.
 */
enum reason target_host(const struct request_head *r, const struct target *t,
    struct slice *text, struct authority *out);

#endif
