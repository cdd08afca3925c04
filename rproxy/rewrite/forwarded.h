/*
 * What we know about a client, said in the headers that the site's
 * application server reads (rewrite/profile.h).  Pure.
 */
#ifndef RPROXY_REWRITE_FORWARDED_H
#define RPROXY_REWRITE_FORWARDED_H

#include "common/arena.h"
#include "common/site_conf.h"
#include "rproxy/http/client_facts.h"
#include "rproxy/http/fields.h"

/*
 * Adds the headers of the site's "app".  host: what the client asked for,
 * with its port if it sent one; valid as long as the fields.  Claims of the
 * client must have been stripped before (rewrite/claims.h); what a trusted
 * peer has stated is not stated again.  False when memory is short.
 */
bool forwarded_add(struct fields *f, const struct client_facts *who,
    const struct site_conf *site, struct slice host, struct arena *a);

/*
 * The port that belongs into public URLs: the one that host names, else the
 * default of the client's scheme (a balancer may map ports, so the one that
 * the client connected to says nothing).
 */
uint16_t forwarded_port(const struct client_facts *who, struct slice host);

#endif
