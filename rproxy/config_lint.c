/*
 * Warnings about sites.  Runs at start-up, in the master.
 *
 * Each of these has cost somebody an afternoon: the configuration is valid,
 * the gateway does as it is told, and the portal still does not work.
 */
#include "rproxy/config_lint.h"

#include <inttypes.h>
#include <string.h>

#include "rproxy/rewrite/claims.h"
#include "rproxy/rewrite/profile.h"

/* routes ------------------------------------------------------------------- */

static bool
ends_with_slash(const char *text)
{
	return text[strlen(text) - 1] == '/';
}

/* "/a/" does not match "/a", so what is sent back there finds nobody. */
static void
lint_slash(const struct route_conf *r, struct conf_faults *f)
{
	for (size_t i = 0; i < r->prefix.n; i++)
		if (strcmp(r->prefix.v[i], "/") != 0 &&
		    strcmp(r->to, "/") != 0 &&
		    ends_with_slash(r->prefix.v[i]) != ends_with_slash(r->to))
			conf_warning(f, r->prefix.at[i],
			    "route.prefix: \"%s\" and to = %s: one ends with "
			    "a slash and the other does not, write both "
			    "without",
			    r->prefix.v[i], r->to);
}

static bool
is_identity(const struct route_conf *r)
{
	return r->prefix.n == 1 && strcmp(r->prefix.v[0], r->to) == 0;
}

static void
lint_route(const struct site_conf *site, const struct route_conf *r,
    struct conf_faults *f)
{
	if (r->to == NULL)
		return;
	lint_slash(r, f);
	if (profile_of(site->app)->wants_its_paths && !is_identity(r))
		conf_warning(f, r->at,
		    "route.to: SAP systems build absolute links, which cannot "
		    "be mapped back: expect 404 (SAP note 833960)");
}

static bool
is_another_system(const struct route_conf *a, const struct route_conf *b)
{
	return a->pool_http != b->pool_http && a->pool_https != b->pool_https;
}

/* Of two pools behind one SAP name only the first is meant. */
static void
lint_systems(const struct site_conf *site, struct conf_faults *f)
{
	if (!profile_of(site->app)->wants_its_paths)
		return;
	for (size_t i = 1; i < site->n_route; i++) {
		if (!is_another_system(&site->route[0], &site->route[i]))
			continue;
		conf_warning(f, site->route[i].at,
		    "route.pool: a second SAP system under one host name is "
		    "not supported by SAP (note 833960), give it a site of "
		    "its own");
		return;
	}
}

/* pools -------------------------------------------------------------------- */

static bool
is_this_host(const struct server_conf *s)
{
	struct addr a;

	return strcmp(s->host, "localhost") == 0 ||
	       (addr_parse_ip(slice_of(s->host), s->port, &a) &&
		   addr_is_loopback(&a));
}

static void
lint_certificates(const struct site_conf *site, const struct pool_conf *pool,
    struct conf_faults *f)
{
	const struct profile *profile = profile_of(site->app);

	if (site->tls.client_verify == CLIENT_VERIFY_NONE ||
	    !profile_has_cert(profile))
		return;
	for (size_t i = 0; i < pool->n_server; i++) {
		const struct server_conf *s = &pool->server[i];

		if (s->https || is_this_host(s))
			continue;
		conf_warning(f, s->at,
		    profile->wants_its_paths
			? "pool.server: client certificates are told of to a "
			  "server without TLS: SAP deletes them unless it is "
			  "set to accept them by http, which anybody on the "
			  "way can misuse"
			: "pool.server: client certificates are told of to a "
			  "server without TLS: whoever reaches its port can "
			  "do the same");
		return;
	}
}

static void
lint_pool(const struct site_conf *site, const struct pool_conf *pool,
    struct conf_faults *f)
{
	unsigned theirs_s = profile_of(site->app)->server_idle_s;

	lint_certificates(site, pool, f);
	if (theirs_s != 0 && pool->keepalive_timeout_ms >= theirs_s * 1000)
		conf_warning(f, pool->at,
		    "pool.keepalive_timeout: %" PRIu64
		    " ms, but such servers close after %u s: a request that "
		    "meets the end is lost",
		    pool->keepalive_timeout_ms, theirs_s);
}

static const char *
own_cookie(const struct pool_conf *pool)
{
	if (pool->sticky != STICKY_COOKIE || pool->n_server < 2)
		return NULL;
	return pool->sticky_cookie != NULL ? pool->sticky_cookie
					   : STICKY_OWN_COOKIE;
}

/* Each pool would overwrite what the other has set. */
static void
lint_own_cookies(const struct site_conf *site, struct conf_faults *f)
{
	for (size_t i = 0; i < site->n_pool; i++) {
		const char *name = own_cookie(&site->pool[i]);

		for (size_t k = 0; name != NULL && k < i; k++) {
			const char *other = own_cookie(&site->pool[k]);

			if (other == NULL || strcmp(name, other) != 0)
				continue;
			conf_warning(f, site->pool[i].at,
			    "pool.sticky_cookie: %s is that of [pool %s] as "
			    "well, and a client that uses both loses its "
			    "sessions: give one of them another name",
			    name, site->pool[k].name);
			break;
		}
	}
}

/* [http] ------------------------------------------------------------------- */

/* "portal.example.com" and "*.p.example.com" lie within "example.com". */
static bool
is_within(struct slice name, struct slice domain)
{
	if (slice_starts_with(name, SLICE("*.")))
		name = slice_from(name, 2);
	return slice_eq_nocase(name, domain) ||
	       (name.len > domain.len &&
		   name.p[name.len - domain.len - 1] == '.' &&
		   slice_ends_with_nocase(name, domain));
}

static bool
covers_a_name(const struct site_conf *site, struct slice domain)
{
	if (domain.len > 0 && domain.p[0] == '.')
		domain = slice_from(domain, 1);
	for (size_t i = 0; i < site->names.n; i++)
		if (is_within(slice_of(site->names.v[i]), domain))
			return true;
	return false;
}

static void
lint_cookies(const struct site_conf *site, struct conf_faults *f)
{
	const struct cookie_domain_list *l = &site->http.cookie_domain;

	for (size_t i = 0; i < l->n; i++)
		if (!covers_a_name(site, slice_of(l->v[i].to)))
			conf_warning(f, l->v[i].at,
			    "http.cookie_domain: %s covers no name of this "
			    "site, browsers refuse such a cookie",
			    l->v[i].to);
}

static void
lint_headers(const struct site_conf *site, struct conf_faults *f)
{
	const struct header_list *l = &site->http.request_header;
	const struct profile *profile = profile_of(site->app);

	for (size_t i = 0; i < l->n; i++) {
		struct slice name = slice_of(l->v[i].name);

		if (profile_find(profile, name) != NULL)
			conf_warning(f, l->v[i].at,
			    "http.request_header: %s is sent by site.app "
			    "already, as each request needs it",
			    l->v[i].name);
	}
}

static void
lint_trust(const struct site_conf *site, struct conf_faults *f)
{
	const struct http_conf *http = &site->http;

	if (http->trust_from.n > 0 && http->trust_header.n == 0)
		conf_warning(f,
		    conf_place_of(site->source, "http", "trust_from"),
		    "http.trust_from: without effect, name the fields by "
		    "trust_header");
	if (http->trust_header.n > 0 && http->trust_from.n == 0)
		conf_warning(f, http->trust_header.at[0],
		    "http.trust_header: nobody may state it, name the peers "
		    "that may by trust_from");
	if (http->hsts_s > 0 && !site->tls.present)
		conf_warning(f, conf_place_of(site->source, "http", "hsts"),
		    "http.hsts: without effect, this site has no [tls]");
}

void
config_lint(const struct rproxy_config *c, struct conf_faults *f)
{
	for (size_t i = 0; i < c->sites.n; i++) {
		const struct site_conf *site = c->sites.v[i];

		for (size_t k = 0; k < site->n_route; k++)
			lint_route(site, &site->route[k], f);
		lint_systems(site, f);
		for (size_t k = 0; k < site->n_pool; k++)
			lint_pool(site, &site->pool[k], f);
		lint_own_cookies(site, f);
		lint_cookies(site, f);
		lint_headers(site, f);
		lint_trust(site, f);
	}
}
