/*
 * Who the client of a connection is, as a copy that lives as long as the
 * connection: one allocation of exactly the size needed, since thousands of
 * idle connections hold one.  Pure.
 */
#ifndef RPROXY_FRONT_IDENTITY_H
#define RPROXY_FRONT_IDENTITY_H

#include "rproxy/http/client_facts.h"

/* From the socket of a plain listener.  NULL: memory is short. */
struct client_facts *
identity_from_socket(const struct addr *peer, const struct addr *local);
/*
 * From a PROXY header (command PROXY) that a believed peer sent; everything
 * is copied.  Without TLS facts in it the client came by plain http.
 */
struct client_facts *identity_from_header(const struct proxy_v2 *pp);
void identity_free(struct client_facts *f);

#endif
