/*
 * The operator's rules on paths: deny, allow, redirect, rewrite.  Pure.
 *
 * All of them look at the normalised path (http/path.h), so that another
 * spelling of a path is no way around a rule.
 */
#ifndef RPROXY_ROUTE_RULES_H
#define RPROXY_ROUTE_RULES_H

#include "common/arena.h"
#include "common/site_conf.h"
#include "rproxy/http/reason.h"

/*
 * False: on the deny-list (in any case of letters), or not on the allow-list
 * if there is one.  Prefixes at segment borders.
 */
bool rules_may_pass(const struct http_conf *http, struct slice path);

/* The first line of http->deny that covers path; deny.n when there is none. */
size_t rules_find_deny(const struct http_conf *http, struct slice path);

/*
 * The first rule of l that covers path, and its target with the groups put
 * in, escaped as part of a path, or of a value in a query; *hit is NULL when
 * there is none.  has_slashes: "%2F" and "%5C" of path are the client's own
 * escapes, which stay (path_normalise() with encoded_slash), not text.
 * REASON_RULE_LIMIT: an expression gave up; REASON_NO_MEMORY.
 */
enum reason
rules_find(const struct rule_list *l, struct slice path, bool has_slashes,
    struct arena *a, const struct rule_conf **hit, struct slice *target);

#endif
