/*
 * The header fields of a request as the server is to see them, but for those
 * that depend on the server or frame the body (Host, Destination,
 * Content-Length, Transfer-Encoding).  Pure.
 */
#ifndef RPROXY_REQUEST_FIELDS_H
#define RPROXY_REQUEST_FIELDS_H

#include "rproxy/request_rules.h"

/*
 * r has been through request_rules_plan() and is to be forwarded.
 * REASON_NO_MEMORY, or REASON_BAD_FIELD_VALUE for two Destinations.
 */
enum reason request_fields_rewrite(struct request_head *r,
    struct request_plan *p, const struct client_facts *who, struct arena *a);

/*
 * Whether a line of request_header is sent to a client of this scheme: one
 * whose name says something about TLS is not, on plain http.
 */
bool request_fields_may_set(const struct client_facts *who, struct slice name);

#endif
