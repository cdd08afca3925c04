/*
 * What the TLS connection of a client permits: a site's rules about versions
 * and certificates hold for its requests, whatever name the handshake had.
 * Pure.
 */
#ifndef RPROXY_REQUEST_TLS_H
#define RPROXY_REQUEST_TLS_H

#include "common/site_names.h"
#include "rproxy/http/client_facts.h"
#include "rproxy/http/reason.h"

/*
 * site: that of the request's host, by which it was found in names.
 * REASON_WRONG_SITE (421) when the handshake was for another site and this
 * one asks for more, or when a certificate was presented, which the other
 * site has judged.
 */
enum reason
request_tls_check_site(const struct site_conf *site, struct slice host,
    const struct client_facts *who, const struct site_names *names);

/* Whether the client has the certificate that route or site require. */
bool request_tls_has_certificate(const struct site_conf *site,
    const struct route_conf *route, const struct client_facts *who);

#endif
