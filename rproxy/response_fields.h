/*
 * The header fields of a response as the client is to see them, but for those
 * of the connection and of framing.  Pure.
 */
#ifndef RPROXY_RESPONSE_FIELDS_H
#define RPROXY_RESPONSE_FIELDS_H

#include "rproxy/request_rules.h"

/* Of a final response.  False when memory is short. */
bool
response_fields_rewrite(struct response_head *r, const struct request_plan *p,
    const struct client_facts *who, struct arena *a);
/* Of an interim one (RFC 8297: Link in 103).  False: memory is short. */
bool response_fields_rewrite_interim(struct response_head *r,
    const struct request_plan *p, const struct client_facts *who,
    struct arena *a);
/* Strict-Transport-Security, where site (or NULL) and client ask for it. */
bool response_fields_add_hsts(struct fields *f, const struct site_conf *site,
    const struct client_facts *who, struct arena *a);

#endif
