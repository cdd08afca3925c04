/*
 * The names by which a client could claim to be somebody: never believed.
 * Pure.  Runs in rproxy's worker, for each field of each request, so the
 * table is entered by the first letter.
 */
#include "rproxy/rewrite/claims.h"

#include <stdint.h>

struct claim {
	const char *name; /* lower case, '-' for '_'; NULL ends a row */
	bool is_prefix;
};

static const struct claim claims_c[] = {
	{ "client-cert", false },
	{ "client-cert-chain", false },
	{ "client-ip", false },
	{ "clientprotocol", false },
	{ NULL, false },
};
static const struct claim claims_f[] = {
	{ "forwarded", false },
	{ "front-end-https", false },
	{ NULL, false },
};
static const struct claim claims_p[] = {
	{ "proxy", false }, /* httpoxy */
	{ "proxy-auth-cert", false },
	{ "proxy-client-ip", false },
	{ "proxy-connection", false },
	{ "proxy-ssl-id", false },
	{ NULL, false },
};
static const struct claim claims_r[] = {
	{ "rmcorrelator", false },
	{ NULL, false },
};
static const struct claim claims_s[] = {
	{ "ssl-", true },
	{ NULL, false },
};
static const struct claim claims_t[] = {
	{ "true-client-ip", false },
	{ NULL, false },
};
static const struct claim claims_w[] = {
	{ "wl-proxy-", true },
	{ NULL, false },
};
static const struct claim claims_x[] = {
	{ "x-client-cert", false },
	{ "x-client-ip", false },
	{ "x-cluster-client-ip", false },
	{ "x-forwarded", true }, /* X-Forwarded itself, too */
	{ "x-host", false },
	{ "x-original-host", false },
	{ "x-original-url", false },
	{ "x-proxied-https", false },
	{ "x-real-ip", false },
	{ "x-rewrite-url", false },
	{ "x-sap-webdisp-ap", false },
	{ "x-ssl-", true },
	{ "x-url-scheme", false },
	{ "x-weblogic-", true },
	{ NULL, false },
};
/* WebSphere's private headers: whatever begins with '$' */
static const struct claim claims_dollar[] = {
	{ "$", true },
	{ NULL, false },
};
static const struct claim claims_dash[] = {
	{ "-ws-haprt-wlmversion", false },
	{ NULL, false },
};

static const struct claim *const by_first_letter[128] = {
	['$'] = claims_dollar,
	['-'] = claims_dash,
	['c'] = claims_c,
	['f'] = claims_f,
	['p'] = claims_p,
	['r'] = claims_r,
	['s'] = claims_s,
	['t'] = claims_t,
	['w'] = claims_w,
	['x'] = claims_x,
};

/* Servers that see CGI-style names take '_' and '-' for the same. */
static char
fold(char c)
{
	return c == '_' ? '-' : ascii_lower(c);
}

static bool
claim_covers(const struct claim *c, struct slice name)
{
	size_t i;

	for (i = 0; c->name[i] != '\0'; i++) {
		if (i == name.len || fold(name.p[i]) != c->name[i])
			return false;
	}
	return c->is_prefix || i == name.len;
}

bool
claims_is_claim(struct slice name)
{
	const struct claim *c;
	uint8_t first;

	if (name.len == 0)
		return false;
	first = (uint8_t)fold(name.p[0]);
	if (first >= 128 || by_first_letter[first] == NULL)
		return false;
	for (c = by_first_letter[first]; c->name != NULL; c++) {
		if (claim_covers(c, name))
			return true;
	}
	return false;
}

void
claims_strip(struct fields *f)
{
	for (unsigned i = 0; i < f->n; i++) {
		if (claims_is_claim(f->v[i].name))
			f->v[i].drop = true;
	}
}
