/*
 * Paths that begin with a prefix, at segment borders, and the exchange of one
 * prefix for another: the arithmetic of routes and path mappings.  Pure.
 */
#ifndef RPROXY_HTTP_PATH_PREFIX_H
#define RPROXY_HTTP_PATH_PREFIX_H

#include "common/arena.h"
#include "common/slice.h"

/*
 * Whether path begins with prefix at a segment border: the end, '/', ';',
 * '?' or '#'.
 */
bool path_prefix_matches(struct slice prefix, struct slice path);

/*
 * path with "from", which it begins with, replaced by "to"; a final slash of
 * either does not count.  The result never begins with two slashes, or with
 * what a browser takes for them: they would name a host (RFC 3986 section
 * 4.2).  SLICE_NONE when memory is short.
 */
struct slice path_prefix_replace(
    struct slice from, struct slice to, struct slice path, struct arena *a);

/*
 * Whether a path, as sent, has no dot segment: one that has may leave its
 * prefix again, and must not be mapped.
 */
bool path_prefix_is_plain(struct slice path);

/* Without the final slash: "/irj/" and "/irj" replace the same bytes. */
struct slice path_prefix_trim(struct slice prefix);

#endif
