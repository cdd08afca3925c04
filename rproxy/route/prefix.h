/*
 * The longest prefix that matches at a segment border.  Pure.
 */
#ifndef RPROXY_ROUTE_PREFIX_H
#define RPROXY_ROUTE_PREFIX_H

#include "common/arena.h"
#include "common/site_conf.h"
#include "common/slice.h"

/*
 * path is normalised.  "/irj" matches "/irj" and "/irj/x", not "/irjx"; "/"
 * matches all.  *prefix is the one that matched.  NULL: no route.
 */
const struct route_conf *prefix_find(
    const struct site_conf *site, struct slice path, struct slice *prefix);

/*
 * The path for the server: raw (as sent by the client, byte for byte) with
 * the route's prefix replaced by its "to".  Without a mapping raw itself.
 * SLICE_NONE when raw does not literally begin with the prefix (an encoded or
 * dotted spelling): such a request is ambiguous under a mapping.
 */
struct slice prefix_map(const struct route_conf *r, struct slice prefix,
    struct slice raw, struct arena *a);

#endif
