/*
 * TLS rules of sites.  Pure; runs in the worker.
 *
 * tlsd applies the rules of the site that the SNI names; a request names its
 * site in Host.  Where the two differ a client could choose the handshake of
 * a lenient site and the content of a strict one.  RFC 9110 section 7.4,
 * section 15.5.20.
 */
#include "rproxy/request_tls.h"

enum reason
request_tls_check_site(const struct site_conf *site, struct slice host,
    const struct client_facts *who, const struct site_names *names)
{
	const struct site_conf *shaken;

	if (!who->https || who->tls == NULL)
		return REASON_OK;
	/* the usual case: what was found for one is found for the other */
	if (slice_eq(who->tls->authority, host))
		return REASON_OK;
	/* without SNI: the default site, as in tlsd */
	shaken = site_names_find(names, who->tls->authority);
	if (shaken == site)
		return REASON_OK;
	if (who->tls->cert.len > 0 ||
	    site->tls.client_verify != CLIENT_VERIFY_NONE)
		return REASON_WRONG_SITE;
	if (shaken != NULL && site->tls.min_version > shaken->tls.min_version)
		return REASON_WRONG_SITE;
	return REASON_OK;
}

bool
request_tls_has_certificate(const struct site_conf *site,
    const struct route_conf *route, const struct client_facts *who)
{
	if (!route->require_client_cert &&
	    site->tls.client_verify != CLIENT_VERIFY_REQUIRED)
		return true;
	return who->cert_verified;
}
