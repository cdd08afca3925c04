/*
 * Destination of WebDAV's MOVE and COPY (RFC 4918 section 10.3).  Pure.
 */
#ifndef RPROXY_REQUEST_DESTINATION_H
#define RPROXY_REQUEST_DESTINATION_H

#include "rproxy/request_rules.h"

/*
 * Fills p->destination from the field of that name; p is a plan to forward.
 * A URL of this site must lead to the pool that the request goes to, by a
 * path that the client may ask for, else REASON_BAD_DESTINATION or
 * REASON_DENIED; one of another site is passed on as it is.
 */
enum reason request_destination(const struct request_head *r,
    struct request_plan *p, const struct client_facts *who, struct arena *a);

#endif
