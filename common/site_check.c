/*
 * Checks that look at more than one line of a site file, or at all site files
 * together.  Runs at start-up, after the schema has filled the struct.
 */
#include "common/site_check.h"

#include <string.h>
/* the default (Jenkins) falls through cases without saying so */
#define HASH_FUNCTION(key, len, hash) HASH_FNV(key, len, hash)
#include <uthash.h>

#include "common/addr.h"
#include "common/check.h"
#include "common/mem.h"
#include "common/suggest.h"

/* The pair with this key in one section; NULL: none. */
static const struct conf_entry *
find_pair(const struct conf_file *c, unsigned section_no, const char *key)
{
	for (size_t i = 0; i < conf_count(c); i++) {
		const struct conf_entry *e = conf_at(c, i);

		if (e->section_no == section_no && e->key != NULL &&
		    strcmp(e->key, key) == 0)
			return e;
	}
	return NULL;
}

/* The header of the n-th section of that name; NULL: there are fewer. */
static const struct conf_entry *
find_header(const struct conf_file *c, const char *section, size_t n)
{
	for (size_t i = 0; i < conf_count(c); i++) {
		const struct conf_entry *e = conf_at(c, i);

		if (e->key == NULL && strcmp(e->section, section) == 0 &&
		    n-- == 0)
			return e;
	}
	return NULL;
}

static const struct pool_conf *
find_pool(const struct site_conf *site, const struct conf_entry *e,
    struct conf_faults *f)
{
	struct suggest near = { .wanted = e->value };

	for (size_t i = 0; i < site->n_pool; i++) {
		if (strcmp(site->pool[i].name, e->value) == 0)
			return &site->pool[i];
		suggest_offer(&near, site->pool[i].name);
	}
	conf_error(f, e->place, "route.%s: no [pool %s] in this file, %s%s%s",
	    e->key, e->value, near.best == NULL ? "add one" : "did you mean \"",
	    near.best == NULL ? "" : near.best, near.best == NULL ? "" : "\"?");
	return NULL;
}

/* "pool", or "pool_http" and "pool_https". */
static void
link_route(struct site_conf *site, struct route_conf *r,
    const struct conf_entry *header, struct conf_faults *f)
{
	const struct conf_file *c = site->source;
	unsigned no = header->section_no;
	const struct conf_entry *both = find_pair(c, no, "pool");
	const struct conf_entry *http = find_pair(c, no, "pool_http");
	const struct conf_entry *https = find_pair(c, no, "pool_https");

	if (both != NULL && (http != NULL || https != NULL)) {
		conf_error(f, both->place,
		    "route.pool: not together with pool_http and pool_https");
		return;
	}
	if (both != NULL) {
		r->pool_http = r->pool_https = find_pool(site, both, f);
		return;
	}
	if (http == NULL || https == NULL) {
		conf_error(f, header->place,
		    "route.pool: missing, write pool = NAME, or both "
		    "pool_http and pool_https");
		return;
	}
	r->pool_http = find_pool(site, http, f);
	r->pool_https = find_pool(site, https, f);
}

/* True when an earlier route, or an earlier line, has this prefix. */
static bool
is_prefix_taken(const struct site_conf *site, size_t route, size_t prefix)
{
	const char *text = site->route[route].prefix.v[prefix];

	for (size_t i = 0; i <= route; i++) {
		const struct string_list *l = &site->route[i].prefix;
		size_t n = i == route ? prefix : l->n;

		for (size_t j = 0; j < n; j++)
			if (strcmp(l->v[j], text) == 0)
				return true;
	}
	return false;
}

static uint64_t
first_set(uint64_t a, uint64_t b, uint64_t c)
{
	if (a != 0)
		return a;
	return b != 0 ? b : c;
}

/* The nearest word counts, and the exact one before "timeout". */
static void
inherit_times(struct route_conf *r, const struct http_conf *http)
{
	uint64_t own = r->timeout_ms;

	if (own == 0)
		r->timeout_ms = http->timeout_ms;
	r->first_byte_timeout_ms = first_set(r->first_byte_timeout_ms, own,
	    first_set(http->first_byte_timeout_ms, http->timeout_ms, 0));
	r->read_timeout_ms = first_set(r->read_timeout_ms, own,
	    first_set(http->read_timeout_ms, http->timeout_ms, 0));
	r->tunnel_timeout_ms =
	    first_set(r->tunnel_timeout_ms, http->tunnel_timeout_ms, 0);
}

static void
check_route(struct site_conf *site, size_t no, struct conf_faults *f)
{
	struct route_conf *r = &site->route[no];
	const struct conf_entry *header =
	    find_header(site->source, "route", no);

	CHECK(header != NULL);
	link_route(site, r, header, f);
	inherit_times(r, &site->http);
	for (size_t i = 0; i < r->prefix.n; i++)
		if (is_prefix_taken(site, no, i))
			conf_error(f, r->prefix.at[i],
			    "route.prefix: \"%s\" is given twice, one route "
			    "for each prefix is allowed",
			    r->prefix.v[i]);
	if (r->require_client_cert && site->tls.present &&
	    site->tls.client_verify == CLIENT_VERIFY_NONE)
		conf_warning(f, r->at,
		    "route.require_client_cert: nobody is asked for a "
		    "certificate, see tls.client_verify");
}

static bool
is_same_server(const struct server_conf *a, const struct server_conf *b)
{
	return strcmp(a->host, b->host) == 0 && a->port == b->port;
}

static bool
is_same_id(const struct server_conf *a, const struct server_conf *b)
{
	return a->id != NULL && b->id != NULL && strcmp(a->id, b->id) == 0;
}

/* One server against those above it. */
static void
check_server(const struct pool_conf *pool, size_t no, struct conf_faults *f)
{
	const struct server_conf *s = &pool->server[no];

	for (size_t i = 0; i < no; i++) {
		if (is_same_server(s, &pool->server[i])) {
			conf_error(f, s->at,
			    "pool.server: %s:%u is given twice, use weight "
			    "for a bigger share",
			    s->host, s->port);
			return;
		}
		if (is_same_id(s, &pool->server[i])) {
			conf_error(f, s->at,
			    "pool.server: id %s is given twice, each server "
			    "needs its own",
			    s->id);
			return;
		}
	}
}

static bool
has_https(const struct pool_conf *pool)
{
	for (size_t i = 0; i < pool->n_server; i++)
		if (pool->server[i].https)
			return true;
	return false;
}

static void
check_pool_tls(const struct pool_conf *pool, struct conf_faults *f)
{
	if (pool->tls_certificate.n != pool->tls_key.n)
		conf_error(f, pool->at,
		    "pool.tls_key: %zu tls_certificate and %zu tls_key lines, "
		    "each certificate needs its key, in the same order",
		    pool->tls_certificate.n, pool->tls_key.n);
	/* none: it was refused, and may have been one */
	if (pool->n_server > 0 && !has_https(pool) &&
	    (pool->tls_ca.n > 0 || pool->tls_name != NULL ||
		pool->tls_certificate.n > 0 || pool->tls_key.n > 0))
		conf_warning(f, pool->at,
		    "[pool %s]: tls_ca, tls_name, tls_certificate and tls_key "
		    "are without effect, no server is https://",
		    pool->name);
}

static void
check_pool(const struct site_conf *site, size_t no, struct conf_faults *f)
{
	const struct pool_conf *pool = &site->pool[no];

	for (size_t i = 0; i < pool->n_server; i++)
		check_server(pool, i, f);
	if (pool->n_server > POOL_SERVERS_MAX)
		conf_error(f, pool->server[POOL_SERVERS_MAX].at,
		    "pool.server: a pool has at most %d servers",
		    POOL_SERVERS_MAX);
	check_pool_tls(pool, f);
	for (size_t i = 0; i < site->n_route; i++)
		if (site->route[i].pool_http == pool ||
		    site->route[i].pool_https == pool)
			return;
	conf_warning(f, pool->at, "[pool %s]: no route uses it", pool->name);
}

static void
check_tls(const struct tls_conf *tls, struct conf_faults *f)
{
	if (tls->certificate.n != tls->key.n && tls->certificate.n > 0 &&
	    tls->key.n > 0)
		conf_error(f, tls->at,
		    "tls.key: %zu certificate and %zu key lines, each "
		    "certificate needs its key, in the same order",
		    tls->certificate.n, tls->key.n);
	if ((tls->client_verify == CLIENT_VERIFY_OPTIONAL ||
		tls->client_verify == CLIENT_VERIFY_REQUIRED) &&
	    tls->client_ca.n == 0)
		conf_error(f, tls->at,
		    "tls.client_ca: missing, client_verify needs the CA "
		    "certificates that the clients' are signed by");
	if (tls->client_verify == CLIENT_VERIFY_NONE && tls->client_ca.n > 0)
		conf_warning(f, tls->client_ca.at[0],
		    "tls.client_ca: without effect while client_verify is "
		    "none");
	if (tls->client_verify == CLIENT_VERIFY_NONE && tls->client_crl.n > 0)
		conf_warning(f, tls->client_crl.at[0],
		    "tls.client_crl: without effect while client_verify is "
		    "none");
}

void
site_check_one(struct site_conf *site, struct conf_faults *f)
{
	check_tls(&site->tls, f);
	for (size_t i = 0; i < site->n_route; i++)
		check_route(site, i, f);
	for (size_t i = 0; i < site->n_pool; i++)
		check_pool(site, i, f);
}

/* Who was first to write a name. */
struct claim {
	struct conf_place at;
	UT_hash_handle hh; /* the key is borrowed from the site */
};

static void
check_names(struct claim **claims, const struct string_list *names,
    struct conf_faults *f)
{
	for (size_t i = 0; i < names->n; i++) {
		const char *name = names->v[i];
		struct claim *c;

		HASH_FIND_STR(*claims, name, c);
		if (c != NULL) {
			conf_error(f, names->at[i],
			    "site.names: \"%s\" is claimed in %s:%u already, "
			    "one site for each name is allowed",
			    name, c->at.file, c->at.line);
			continue;
		}
		c = mem_need(sizeof(*c));
		c->at = names->at[i];
		HASH_ADD_KEYPTR(hh, *claims, name, strlen(name), c);
	}
}

static void
free_claims(struct claim *claims)
{
	struct claim *c, *next;

	HASH_ITER(hh, claims, c, next)
	{
		HASH_DEL(claims, c);
		mem_free(c);
	}
}

/* RFC 6066 section 3: an address is no server name, and is not sent as one. */
static void
check_addresses(const struct site_conf *site, struct conf_faults *f)
{
	struct addr ignored;

	if (!site->tls.present || site->is_default)
		return;
	for (size_t i = 0; i < site->names.n; i++)
		if (addr_parse_ip(slice_of(site->names.v[i]), 0, &ignored))
			conf_warning(f, site->names.at[i],
			    "site.names: over TLS a client that uses the "
			    "address %s names no site: it gets the default "
			    "one, and is refused where there is none; "
			    "default = yes makes this one the default",
			    site->names.v[i]);
}

void
site_check_all(const struct site_list *l, struct conf_faults *f)
{
	const struct site_conf *first = NULL;
	struct claim *claims = NULL;

	for (size_t i = 0; i < l->n; i++) {
		const struct site_conf *site = l->v[i];

		check_names(&claims, &site->names, f);
		check_addresses(site, f);
		if (!site->is_default)
			continue;
		if (first != NULL)
			conf_error(f,
			    conf_place_of(site->source, "site", "default"),
			    "site.default: %s is the default site already, "
			    "one is allowed",
			    first->file);
		else
			first = site;
	}
	free_claims(claims);
}
