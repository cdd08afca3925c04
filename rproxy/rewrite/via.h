/*
 * Via on requests and responses (RFC 9110 section 7.6.3) in Apache's four
 * modes, and the loop check.  Pure.
 *
 *	on	our entry is appended
 *	full	with our product and version as comment
 *	block	comments of others are removed, ours is appended
 *	off	nothing is added, nothing is removed; requests get no entry,
 *		against the RFC: the manual says so
 */
#ifndef RPROXY_REWRITE_VIA_H
#define RPROXY_REWRITE_VIA_H

#include "common/arena.h"
#include "common/site_conf.h"
#include "rproxy/http/fields.h"

/* minor: version of the message received.  False: memory is short. */
bool via_add(struct fields *f, const struct http_conf *http, unsigned minor,
    struct arena *a);
/* True when our own name is in Via already. */
bool via_is_loop(const struct fields *f, const struct http_conf *http);

#endif
