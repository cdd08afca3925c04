/*
 * The names by which a client could claim to be somebody: never believed.
 * Pure.  Runs in rproxy's worker, for each field of each request, so the
 * table is entered by the first letter.
 */
#include "rproxy/rewrite/claims.h"

#include <stdint.h>

struct claim {
	struct slice name; /* lower case, '-' for '_'; empty: the row ends */
	bool is_prefix;
};

#define NAMED(literal) { (literal), sizeof(literal) - 1 }, false
#define BEGINS(literal) { (literal), sizeof(literal) - 1 }, true
#define ROW_END { NULL, 0 }, false

/* clang-format off */

static const struct claim claims_c[] = {
	{ NAMED("client-cert") },
	{ NAMED("client-cert-chain") },
	{ NAMED("client-ip") },
	{ NAMED("clientprotocol") },
	{ ROW_END },
};
static const struct claim claims_f[] = {
	{ NAMED("forwarded") },
	{ NAMED("front-end-https") },
	{ ROW_END },
};
static const struct claim claims_p[] = {
	{ NAMED("proxy") }, /* httpoxy */
	{ NAMED("proxy-auth-cert") },
	{ NAMED("proxy-client-ip") },
	{ NAMED("proxy-connection") },
	{ NAMED("proxy-ssl-id") },
	{ ROW_END },
};
static const struct claim claims_r[] = {
	{ NAMED("rmcorrelator") },
	{ ROW_END },
};
static const struct claim claims_s[] = {
	{ BEGINS("ssl-") },
	{ ROW_END },
};
static const struct claim claims_t[] = {
	{ NAMED("true-client-ip") },
	{ ROW_END },
};
static const struct claim claims_w[] = {
	{ BEGINS("wl-proxy-") },
	{ ROW_END },
};
static const struct claim claims_x[] = {
	{ NAMED("x-client-cert") },
	{ NAMED("x-client-ip") },
	{ NAMED("x-cluster-client-ip") },
	{ BEGINS("x-forwarded") }, /* X-Forwarded itself, too */
	{ NAMED("x-host") },
	{ NAMED("x-original-host") },
	{ NAMED("x-original-url") },
	{ NAMED("x-proxied-https") },
	{ NAMED("x-real-ip") },
	{ NAMED("x-rewrite-url") },
	{ NAMED("x-sap-webdisp-ap") },
	{ BEGINS("x-ssl-") },
	{ NAMED("x-url-scheme") },
	{ BEGINS("x-weblogic-") },
	{ ROW_END },
};
/* WebSphere's private headers: whatever begins with '$' */
static const struct claim claims_dollar[] = {
	{ BEGINS("$") },
	{ ROW_END },
};
static const struct claim claims_dash[] = {
	{ NAMED("-ws-haprt-wlmversion") },
	{ ROW_END },
};
/* clang-format on */

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

bool
claims_is_same(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (a.p[i] != b.p[i] && fold(a.p[i]) != fold(b.p[i]))
			return false;
	}
	return true;
}

static bool
claim_covers(const struct claim *c, struct slice name)
{
	if (name.len < c->name.len || (name.len > c->name.len && !c->is_prefix))
		return false;
	return claims_is_same(slice_first(name, c->name.len), c->name);
}

/*
 * "Content_Length" says nothing to us, but frames the message for a server
 * that folds the two.
 */
static bool
is_disguised(struct slice name)
{
	return (claims_is_same(name, SLICE("content-length")) ||
		   claims_is_same(name, SLICE("transfer-encoding"))) &&
	       slice_find(name, '_') < name.len;
}

bool
claims_is_claim(struct slice name)
{
	const struct claim *c;
	uint8_t first;

	if (name.len == 0)
		return false;
	if (is_disguised(name))
		return true;
	first = (uint8_t)fold(name.p[0]);
	if (first >= 128 || by_first_letter[first] == NULL)
		return false;
	for (c = by_first_letter[first]; c->name.len > 0; c++) {
		if (claim_covers(c, name))
			return true;
	}
	return false;
}

bool
claims_at(size_t i, const char **name, bool *is_prefix)
{
	for (size_t letter = 0; letter < 128; letter++) {
		const struct claim *c = by_first_letter[letter];

		for (; c != NULL && c->name.len > 0; c++) {
			if (i-- > 0)
				continue;
			*name = c->name.p;
			*is_prefix = c->is_prefix;
			return true;
		}
	}
	return false;
}

void
claims_drop_same(struct fields *f, struct slice name)
{
	for (unsigned i = 0; i < f->n; i++)
		if (claims_is_same(f->v[i].name, name))
			f->v[i].drop = true;
}

typedef bool comparison(struct slice a, struct slice b);

/* "SM_*" covers what begins so. */
static bool
is_named(const struct string_list *l, struct slice name, comparison *is_same)
{
	for (size_t i = 0; i < l->n; i++) {
		struct slice text = slice_of(l->v[i]);
		struct slice head = slice_first(text, slice_find(text, '*'));
		bool is_whole = head.len == text.len;

		if (is_same(
			head, is_whole ? name : slice_first(name, head.len)))
			return true;
	}
	return false;
}

bool
claims_is_trusted_with(const struct http_conf *http, struct slice name)
{
	return is_named(&http->trust_header, name, slice_eq_nocase);
}

/*
 * Removed in every spelling, believed in one: an agent in front sets SM_USER
 * anew and may let a client's SM-USER pass, which a server that folds the two
 * could take for its word.
 */
static bool
must_go(const struct http_conf *http, struct slice name, bool trusted)
{
	if (!claims_is_claim(name) &&
	    !is_named(&http->strip_header, name, claims_is_same) &&
	    !is_named(&http->trust_header, name, claims_is_same))
		return false;
	return !trusted || !claims_is_trusted_with(http, name);
}

bool
claims_is_trusted(const struct http_conf *http, const struct addr *peer)
{
	for (size_t i = 0; i < http->trust_from.n; i++) {
		if (cidr_matches(&http->trust_from.v[i], peer))
			return true;
	}
	return false;
}

void
claims_strip(
    struct fields *f, const struct http_conf *http, const struct addr *peer)
{
	bool trusted = claims_is_trusted(http, peer);

	for (unsigned i = 0; i < f->n; i++)
		if (must_go(http, f->v[i].name, trusted))
			f->v[i].drop = true;
}
