/*
 * Who the client of a connection is, as a copy that lives as long as the
 * connection: one allocation of exactly the size needed, since thousands of
 * idle connections hold one, and a share of what many have in common.  A
 * request has it unpacked.  Pure.
 */
#ifndef RPROXY_FRONT_IDENTITY_H
#define RPROXY_FRONT_IDENTITY_H

#include "rproxy/front/tls_params.h"
#include "rproxy/http/client_facts.h"

struct identity;

/* From the socket of a plain listener.  NULL: memory is short. */
struct identity *identity_from_socket(const struct addr *peer);
/*
 * From a PROXY header (command PROXY) that a believed peer sent; everything
 * is copied but the address that the client connected to, which nobody asks
 * for.  Without TLS facts in it the client came by plain http.
 */
struct identity *
identity_from_header(struct tls_params_list *all, const struct proxy_v2 *pp);
void identity_free(struct identity *i);

/* Slices in out point into i; out->tls points to *tls, or is NULL. */
void identity_tell(
    const struct identity *i, struct client_facts *out, struct proxy_v2 *tls);
/* It came with a header. */
bool identity_is_announced(const struct identity *i);
/* Of the tlsd that announced it; 0: none has, or it has not said. */
uint32_t identity_generation(const struct identity *i);

#endif
