/*
 * Reverse mapping of URLs.  Pure.  Runs in rproxy's worker, for the few
 * fields that hold one.
 */
#include "rproxy/rewrite/response_rules.h"

#include <string.h>

#include "common/check.h"
#include "rproxy/http/path_prefix.h"
#include "rproxy/http/target.h"
#include "rproxy/rewrite/forwarded.h"

/* A URL reference cut into its parts (RFC 3986 section 4). */
struct url {
	bool has_scheme;
	bool https;
	bool has_authority;
	struct authority at;
	struct slice rest; /* path, query and fragment */
};

enum owner {
	OWNER_FOREIGN,
	OWNER_INNER, /* a server of the pool, or an alias */
	OWNER_SITE,  /* one of the site's own names */
};

static uint16_t
default_port(bool https)
{
	return https ? 443 : 80;
}

/* False for what is not to be touched: other schemes, user info, garbage. */
static bool
url_parse(struct slice v, struct url *out)
{
	size_t end;

	*out = (struct url){ 0 };
	if (slice_starts_with_nocase(v, SLICE("http://"))) {
		out->has_scheme = true;
		v = slice_from(v, 5);
	} else if (slice_starts_with_nocase(v, SLICE("https://"))) {
		out->has_scheme = true;
		out->https = true;
		v = slice_from(v, 6);
	}
	out->rest = v;
	if (!slice_starts_with(v, SLICE("//")))
		return true;
	v = slice_from(v, 2);
	for (end = 0; end < v.len; end++) {
		char c = v.p[end];

		if (c == '\\') /* a slash to some, user info to others */
			return false;
		if (c == '/' || c == '?' || c == '#')
			break;
	}
	out->has_authority = true;
	out->rest = slice_from(v, end);
	return authority_parse(slice_first(v, end), &out->at);
}

static bool
is_same_authority(
    const struct url *u, bool their_https, const char *host, uint16_t port)
{
	bool https = u->has_scheme ? u->https : their_https;
	uint16_t url_port = u->at.port;

	if (url_port == 0)
		url_port = default_port(https);
	return url_port == port &&
	       authority_is_same_host(u->at.host, slice_of(host));
}

static bool
is_of_pool(const struct url *u, const struct pool_conf *pool)
{
	if (pool == NULL) /* the route is for one scheme alone */
		return false;
	for (size_t i = 0; i < pool->n_server; i++) {
		const struct server_conf *s = &pool->server[i];

		if (is_same_authority(u, s->https, s->host, s->port))
			return true;
	}
	for (size_t i = 0; i < pool->n_alias; i++) {
		const struct authority_conf *s = &pool->alias[i];

		if (is_same_authority(u, s->https, s->host, s->port))
			return true;
	}
	return false;
}

/* One that we reach by https: it says so of itself, whatever is outside. */
static bool
is_https_server(const struct url *u, const struct pool_conf *pool)
{
	for (size_t i = 0; pool != NULL && i < pool->n_server; i++) {
		const struct server_conf *s = &pool->server[i];

		if (s->https && is_same_authority(u, true, s->host, s->port))
			return true;
	}
	return false;
}

/*
 * A route may have a pool for each scheme: the same servers by other ports.
 * One that answers on http names its port for https when it sends a client to
 * its secure area.
 */
static bool
is_inner(const struct url *u, const struct route_conf *r)
{
	return is_of_pool(u, r->pool_http) || is_of_pool(u, r->pool_https);
}

/* "*.example.com" covers "a.example.com" */
static bool
name_covers(struct slice name, struct slice host)
{
	if (slice_starts_with(name, SLICE("*.")))
		return host.len >= name.len &&
		       slice_ends_with_nocase(host, slice_from(name, 1));
	return authority_is_same_host(name, host);
}

static bool
has_port(const struct pool_conf *pool, uint16_t port)
{
	for (size_t i = 0; pool != NULL && i < pool->n_server; i++)
		if (pool->server[i].port == port)
			return true;
	return false;
}

/*
 * A port that an application may know for the public name: none, the
 * defaults, the public ones, or its own (it saw the public Host, but knows
 * only its own port).
 */
static bool
is_port_of_site(const struct mapping *m, uint16_t port)
{
	if (port == 0 || port == 80 || port == 443 ||
	    port == m->site->http.https_port ||
	    port == forwarded_port(m->who, m->host))
		return true;
	return has_port(m->route->pool_http, port) ||
	       has_port(m->route->pool_https, port);
}

static bool
is_site_name(const struct mapping *m, struct slice host)
{
	struct authority public;

	if (authority_parse(m->host, &public) &&
	    authority_is_same_host(public.host, host))
		return true;
	for (size_t i = 0; i < m->site->names.n; i++) {
		if (name_covers(slice_of(m->site->names.v[i]), host))
			return true;
	}
	return false;
}

bool
response_rules_is_public(const struct mapping *m, const struct authority *at)
{
	return is_site_name(m, at->host) && is_port_of_site(m, at->port);
}

/* How much of a server's path the route covers: "to", or a prefix as it is. */
static size_t
server_prefix_len(const struct route_conf *r, struct slice path)
{
	size_t longest = 0;

	if (r->to != NULL)
		return path_prefix_matches(slice_of(r->to), path)
			   ? strlen(r->to)
			   : 0;
	for (size_t i = 0; i < r->prefix.n; i++) {
		struct slice prefix = slice_of(r->prefix.v[i]);

		if (prefix.len > longest && path_prefix_matches(prefix, path))
			longest = prefix.len;
	}
	return longest;
}

static bool
is_pool_of(const struct pool_conf *pool, const struct route_conf *r)
{
	return pool != NULL && (pool == r->pool_http || pool == r->pool_https);
}

/*
 * The route of the same servers that covers most of the path; of two, the one
 * that leaves it as it is.
 */
static const struct route_conf *
route_by_server_path(const struct mapping *m, struct slice path)
{
	const struct route_conf *best = NULL;
	size_t best_len = 0;

	for (size_t i = 0; i < m->site->n_route; i++) {
		const struct route_conf *r = &m->site->route[i];
		size_t len = server_prefix_len(r, path);

		if (len == 0 || len < best_len ||
		    (len == best_len && r->to != NULL) ||
		    (!is_pool_of(r->pool_http, m->route) &&
			!is_pool_of(r->pool_https, m->route)))
			continue;
		best = r;
		best_len = len;
	}
	return best;
}

/*
 * An application sends clients to a neighbour by the address that it knows.
 * Where that is a server of another pool, and a route to it covers the path,
 * the URL is mapped as if that server had said it.
 */
static bool
turn_to_neighbour(struct mapping *m, const struct url *u)
{
	for (size_t i = 0; i < m->site->n_route; i++) {
		struct mapping there = *m;

		there.route = &m->site->route[i];
		if (!is_inner(u, there.route))
			continue;
		there.route = route_by_server_path(&there, u->rest);
		if (there.route == NULL)
			continue;
		there.prefix = slice_of(there.route->prefix.v[0]);
		*m = there;
		return true;
	}
	return false;
}

static enum owner
owner_of(struct mapping *m, const struct url *u)
{
	if (is_inner(u, m->route))
		return OWNER_INNER;
	if (response_rules_is_public(m, &u->at))
		return OWNER_SITE;
	return turn_to_neighbour(m, u) ? OWNER_INNER : OWNER_FOREIGN;
}

struct slice
response_rules_path(const struct mapping *m, struct slice path, struct arena *a)
{
	const struct route_conf *r = m->route;

	if (r->to != NULL && path_prefix_matches(slice_of(r->to), path))
		return path_prefix_replace(slice_of(r->to), m->prefix, path, a);
	r = route_by_server_path(m, path);
	if (r == NULL || r->to == NULL)
		return path;
	return path_prefix_replace(
	    slice_of(r->to), slice_of(r->prefix.v[0]), path, a);
}

static struct slice
port_text(bool https, uint16_t port, struct arena *a)
{
	if (port == 0 || port == default_port(https))
		return SLICE("");
	return arena_printf(a, ":%u", (unsigned)port);
}

/* The public URL with the host given, IPv6 in brackets. */
static struct slice
build(const struct mapping *m, const struct url *u, struct authority host,
    struct slice path, struct arena *a)
{
	bool https = m->who->https || (u->has_scheme && u->https);
	uint16_t port = https == m->who->https
			    ? forwarded_port(m->who, m->host)
			    : (uint16_t)m->site->http.https_port;
	struct slice scheme = https ? SLICE("https:") : SLICE("http:");
	struct slice parts[] = {
		u->has_scheme ? scheme : SLICE(""),
		host.is_ipv6 ? SLICE("//[") : SLICE("//"),
		host.host,
		host.is_ipv6 ? SLICE("]") : SLICE(""),
		port_text(https, port, a),
		path,
	};

	if (parts[4].p == NULL)
		return SLICE_NONE;
	return arena_concat(a, parts, ARRAY_LEN(parts));
}

struct slice
response_rules_url(const struct mapping *m, struct slice value, struct arena *a)
{
	struct url u;
	struct authority host;
	struct slice path;
	enum owner owner = OWNER_INNER;
	struct mapping by = *m;

	if (!url_parse(value, &u))
		return value;
	if (u.has_authority)
		owner = owner_of(&by, &u);
	if (owner == OWNER_FOREIGN)
		return value;
	path = u.rest;
	if (path.len > 0 && path.p[0] == '/') {
		path = response_rules_path(&by, path, a);
		if (path.p == NULL)
			return SLICE_NONE;
	}
	if (!u.has_authority)
		return path.len == 0 ? value : path;
	host = u.at;
	if (owner == OWNER_INNER && !authority_parse(m->host, &host))
		return value;
	if (!m->site->tls.present &&
	    (is_https_server(&u, by.route->pool_http) ||
		is_https_server(&u, by.route->pool_https)))
		u.https = false;
	return build(m, &u, host, path, a);
}

static bool
map_field(struct fields *f, enum field_id id, const struct mapping *m,
    struct arena *a)
{
	struct field *v;

	for (v = fields_first(f, id); v != NULL; v = fields_next(f, v)) {
		if (v->value.len == 0)
			continue;
		v->value = response_rules_url(m, v->value, a);
		if (v->value.p == NULL)
			return false;
	}
	return true;
}

bool
response_rules_apply(struct fields *f, const struct mapping *m, struct arena *a)
{
	return map_field(f, FIELD_LOCATION, m, a) &&
	       map_field(f, FIELD_CONTENT_LOCATION, m, a);
}
