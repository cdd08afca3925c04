/*
 * Fields that concern one connection only: removed first, before anything of
 * ours is added (RFC 9110 section 7.6.1; CVE-2022-31813).  Pure.
 */
#ifndef RPROXY_REWRITE_HOP_BY_HOP_H
#define RPROXY_REWRITE_HOP_BY_HOP_H

#include "rproxy/http/fields.h"
#include "rproxy/http/reason.h"

struct hop_by_hop {
	bool close;              /* Connection: close */
	bool keep_alive;         /* Connection: keep-alive */
	bool upgrade;            /* Connection: upgrade, and an Upgrade field */
	struct slice upgrade_to; /* that field's value */
};

/*
 * Drops Connection, what it names, and the known hop-by-hop fields
 * (Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade).
 * REASON_BAD_CONNECTION when Connection names an end-to-end field that must
 * never be removed that way (Host, Content-Length, Cookie, Authorization ...).
 */
enum reason hop_by_hop_remove(struct fields *f, struct hop_by_hop *out);

#endif
