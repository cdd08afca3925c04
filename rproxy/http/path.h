/*
 * Paths as the servers behind us read them.  Pure.  RFC 3986 sections 3.3 and
 * 5.2.4, Servlet 6.0 section 3.5.
 */
#ifndef RPROXY_HTTP_PATH_H
#define RPROXY_HTTP_PATH_H

#include <stdbool.h>

#include "common/arena.h"
#include "common/slice.h"
#include "rproxy/http/reason.h"

/*
 * The path as a servlet container reads it, for choosing a route only:
 * percent-decoded, ";parameters" taken off each segment, dot segments
 * resolved, doubled slashes as one.  Refused with REASON_AMBIGUOUS_PATH:
 * backslash, NUL and controls, encoded slash or backslash (encoded_slash
 * false), encoded dots that form a dot segment, a dot segment with
 * parameters, ".." behind parameters, climbing above the root, UTF-8 in an
 * overlong form. REASON_BAD_TARGET: a bad escape.  REASON_NO_MEMORY: the arena
 * is full. Where encoded_slash is true, "%2F" and "%5C" stay as they are, so
 * that the route never takes one for a separator.  out is in the arena, or it
 * is path itself.
 */
enum reason path_normalise(
    struct slice path, bool encoded_slash, struct arena *a, struct slice *out);

#endif
