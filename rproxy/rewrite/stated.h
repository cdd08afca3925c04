/*
 * What a trusted peer states in the lists that every gateway on the way adds
 * to.  Pure.
 *
 * Most balancers put what they know behind what the client has sent, and the
 * client has sent what it liked.  Tomcat reads such a list from its end,
 * Undertow and Jetty take its beginning: so one value remains, the last that
 * somebody we trust has seen.
 */
#ifndef RPROXY_REWRITE_STATED_H
#define RPROXY_REWRITE_STATED_H

#include "common/site_conf.h"
#include "rproxy/http/fields.h"

/*
 * Leaves one value of X-Forwarded-For, -Proto, -Host, -Port and Forwarded, or
 * no field where there was none: the last one; of X-Forwarded-For the last
 * that is not in http->trust_from, or the first if all are.  Only for requests
 * of a peer in http->trust_from, after claims_strip().
 */
void stated_settle(struct fields *f, const struct http_conf *http);
/* The address in X-Forwarded-For, then; SLICE_NONE: it names none. */
struct slice stated_client(const struct fields *f);

#endif
