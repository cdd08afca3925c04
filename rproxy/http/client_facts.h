/*
 * What we know about the client of a request, and from whom.  Filled by
 * front/identity, read by route and rewrite.  Slices live as long as the
 * client connection.
 */
#ifndef RPROXY_HTTP_CLIENT_FACTS_H
#define RPROXY_HTTP_CLIENT_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/proxy_v2.h"
#include "common/slice.h"

struct client_facts {
	bool https;
	struct addr addr;       /* of the client; len 0: unknown */
	struct slice addr_text; /* without port: "192.0.2.1"; "unknown" */
	/* from tlsd, without dst; NULL on a plain listener */
	const struct proxy_v2 *tls;
	bool cert_verified; /* proxy_v2_is_verified() */
};

#endif
