/*
 * Reverse mapping: URLs in a response that name the inside become URLs of the
 * outside.  Pure.
 *
 * A URL is ours when its authority is one of the servers or aliases of the
 * route's pools (then it gets the host and port of this request) or one of
 * the site's own names (then it keeps its name).  Compared as authorities:
 * case, default ports and the spelling of IPv6 addresses do not matter; user
 * info is never ours.
 *
 * The scheme becomes that of this request, with one exception: a URL that
 * says https stays https, so that an application may send a client from http
 * to its secure area without a loop.  It does not when it names a server that
 * we reach by https and the site has no TLS.
 *
 * The path goes backwards through the path mapping of the route, or of that
 * route with the same pools which covers most of it; where that one maps
 * nothing, the path stays.
 *
 * A server or alias of another pool of the site is ours as well, where a route
 * to that pool covers the path; this one maps it.
 */
#ifndef RPROXY_REWRITE_RESPONSE_RULES_H
#define RPROXY_REWRITE_RESPONSE_RULES_H

#include "common/arena.h"
#include "common/site_conf.h"
#include "rproxy/http/client_facts.h"
#include "rproxy/http/fields.h"
#include "rproxy/http/target.h"

/* One request as the rules see it. */
struct mapping {
	const struct site_conf *site;
	const struct route_conf *route;
	struct slice prefix; /* of the route, that matched */
	const struct client_facts *who;
	struct slice host; /* public, as the client sent it: "h" or "h:p" */
};

/*
 * The value a client must see; value itself when nothing is to change.
 * SLICE_NONE (p == NULL) when memory is short.
 */
struct slice response_rules_url(
    const struct mapping *m, struct slice value, struct arena *a);
/* A path of the server as the client's; the path itself when it is not
 * mapped.  SLICE_NONE when memory is short. */
struct slice response_rules_path(
    const struct mapping *m, struct slice path, struct arena *a);
/* Location and Content-Location.  False when memory is short. */
bool response_rules_apply(
    struct fields *f, const struct mapping *m, struct arena *a);
/* Whether this is a name and port that clients know the site by. */
bool
response_rules_is_public(const struct mapping *m, const struct authority *at);

#endif
