/*
 * Response fields that hold URLs among other things: URI, Link and Refresh.
 * Each URL is mapped as response_rules_url() does, the rest is kept byte for
 * byte.  Pure.
 */
#ifndef RPROXY_REWRITE_URL_FIELDS_H
#define RPROXY_REWRITE_URL_FIELDS_H

#include "rproxy/rewrite/response_rules.h"

/* Each: value itself when nothing is to change; SLICE_NONE: memory is short. */

/* "<url>; rel=next, <url>" (RFC 8288 section 3) */
struct slice
url_fields_link(const struct mapping *m, struct slice value, struct arena *a);
/* "5; url=..." as browsers read it (HTML, "declarative refresh") */
struct slice url_fields_refresh(
    const struct mapping *m, struct slice value, struct arena *a);

/* All fields of these names.  False when memory is short. */
bool
url_fields_apply(struct fields *f, const struct mapping *m, struct arena *a);

#endif
