/*
 * Whether a request may change the protocol, and to what.  Pure.  RFC 9110
 * section 7.8, RFC 6455 section 4.
 */
#ifndef RPROXY_REQUEST_UPGRADE_H
#define RPROXY_REQUEST_UPGRADE_H

#include "rproxy/request_rules.h"

/*
 * Sets p->upgrade: what of the client's list the route allows, for the
 * server.  REASON_UPGRADE_REFUSED: a WebSocket where there is none.
 */
enum reason request_upgrade_plan(
    const struct request_head *r, struct request_plan *p, struct arena *a);

/*
 * Whether a 101 is the answer to what was asked: offered is p->upgrade,
 * chosen the response's Upgrade.  Each protocol of it must have been offered.
 */
bool request_upgrade_is_answer(struct slice offered, struct slice chosen);

#endif
