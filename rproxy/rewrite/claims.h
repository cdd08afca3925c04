/*
 * What a client says about itself in headers that only a gateway may set,
 * as a table.  Pure.
 */
#ifndef RPROXY_REWRITE_CLAIMS_H
#define RPROXY_REWRITE_CLAIMS_H

#include <stdbool.h>

#include "common/site_conf.h"
#include "common/slice.h"
#include "rproxy/http/fields.h"

/* Whether the name is on the list: any case, '_' equal to '-'. */
bool claims_is_claim(struct slice name);
/* The i-th of the list, "-" for "_"; false past the end. */
bool claims_at(size_t i, const char **name, bool *is_prefix);
/* The same name to a server: any case, '_' equal to '-'. */
bool claims_is_same(struct slice a, struct slice b);
/* Drops every field that has the same name to a server. */
void claims_drop_same(struct fields *f, struct slice name);

/* Whether peer is one that http->trust_from names. */
bool claims_is_trusted(const struct http_conf *http, const struct addr *peer);
/* Whether http->trust_header has the name, spelled so but for the case. */
bool claims_is_trusted_with(const struct http_conf *http, struct slice name);
/*
 * Drops all of them, and those of http->strip_header and http->trust_header:
 * before anything of ours is added.  What a trusted peer states under a name
 * of http->trust_header, spelled like there but for the case, stays.
 */
void claims_strip(
    struct fields *f, const struct http_conf *http, const struct addr *peer);

#endif
