/*
 * Upgrade.  Pure; runs in the worker.
 *
 * A client may be refused the other protocol and answered in this one (RFC
 * 9110 section 7.8): so what the route does not allow is left out, and where
 * nothing remains the request goes on without it.  That is what clients that
 * try "h2c" expect.  One that wants a WebSocket has no use for any other
 * answer and gets 403, so that the reason is seen.
 *
 * Not in HTTP/1.0, which has no Upgrade; not with a body, which would have to
 * be over before the protocol changes.
 */
#include "rproxy/request_upgrade.h"

#include "rproxy/http/field_values.h"

static bool
allows(const struct route_conf *route, struct slice token)
{
	for (size_t i = 0; i < route->upgrade.n; i++)
		if (slice_eq_nocase(slice_of(route->upgrade.v[i]), token))
			return true;
	return false;
}

/* "Content-Length: 0", which some send with every POST, is none. */
static bool
has_body(const struct framing *f)
{
	return f->kind == BODY_CHUNKED || f->length > 0;
}

enum reason
request_upgrade_plan(
    const struct request_head *r, struct request_plan *p, struct arena *a)
{
	struct slice rest = p->hop.upgrade_to, token;

	if (!p->hop.upgrade || r->minor == 0 || has_body(&p->framing))
		return REASON_OK;
	while (list_next(&rest, &token)) {
		if (!allows(p->route, token))
			continue;
		struct slice parts[] = { p->upgrade,
			p->upgrade.len > 0 ? SLICE(", ") : SLICE_NONE, token };
		p->upgrade = arena_concat(a, parts, 3);
		if (p->upgrade.p == NULL)
			return REASON_NO_MEMORY;
	}
	if (p->upgrade.len == 0 &&
	    list_has_token(p->hop.upgrade_to, SLICE("websocket")))
		return REASON_UPGRADE_REFUSED;
	return REASON_OK;
}

bool
request_upgrade_is_answer(struct slice offered, struct slice chosen)
{
	struct slice token;
	unsigned n = 0;

	while (list_next(&chosen, &token)) {
		if (!list_has_token(offered, token))
			return false;
		n++;
	}
	return n > 0;
}
