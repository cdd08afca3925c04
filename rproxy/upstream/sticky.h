/*
 * Which server a client belongs to.  Pure: the request in, places in the pool
 * out.
 */
#ifndef RPROXY_UPSTREAM_STICKY_H
#define RPROXY_UPSTREAM_STICKY_H

#include "common/arena.h"
#include "common/site_conf.h"
#include "rproxy/http/fields.h"

#define STICKY_WISHES 8

/* Servers of the pool that a request asks for, the best one first. */
struct sticky_wishes {
	unsigned n;
	unsigned server[STICKY_WISHES]; /* index in pool->server */
};

/*
 * By pool->sticky; target as the client sent it, fields before or after
 * rewriting.  A route that no server has is no wish: such a request is
 * balanced like a new one.
 */
void sticky_read(const struct pool_conf *pool, enum app_kind app,
    struct slice target, const struct fields *f, struct sticky_wishes *out);

/*
 * Set-Cookie value that binds a client to this server, for STICKY_COOKIE;
 * secure: with that attribute; same_site: another one, or empty.  SLICE_NONE:
 * memory is short.
 */
struct slice sticky_cookie(const struct pool_conf *pool, unsigned server,
    bool secure, struct slice same_site, struct arena *a);

#endif
