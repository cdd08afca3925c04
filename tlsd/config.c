/*
 * tlsd.ini, the site files and every file that is no secret.  Runs in the
 * master (from disk, into the bundle), again in the signer and in each worker
 * (from the bundle alone).
 *
 * Private keys are not read here: the configuration only knows their paths.
 */
#include "tlsd/config.h"

#include <string.h>
#include <sys/stat.h>

#include "common/check.h"
#include "common/daemon_conf.h"
#include "common/mem.h"
#include "common/privdrop.h"
#include "common/schema.h"
#include "tlsd/config_schema.h"
#include "tlsd/ticket_keys.h"

static void
check_socket(const struct tlsd_config *c, const char *key, const char *path,
    struct conf_faults *f)
{
	struct addr a;

	if (path != NULL && !addr_parse(slice_of(path), &a))
		conf_error(f, conf_place_of(c->source, "tlsd", key),
		    "tlsd.%s: %s is too long for a socket, at most 107 "
		    "bytes are allowed",
		    key, path);
}

static void
check_egress(struct tlsd_config *c, struct conf_faults *f)
{
	struct conf_place at = conf_place_of(c->source, "tlsd", "egress_from");
	gid_t ignored = 0;

	if (c->egress == NULL)
		return;
	if (at.line == 0) /* the default */
		at = conf_place_of(c->source, "tlsd", "egress");
	check_socket(c, "egress", c->egress, f);
	daemon_conf_check_folder(c->bundle,
	    conf_place_of(c->source, "tlsd", "egress"), "tlsd.egress",
	    c->egress, f);
	if (!privdrop_lookup(c->egress_from, &c->egress_from_uid, &ignored))
		conf_error(f, at,
		    "tlsd.egress_from: there is no user \"%s\", name the user "
		    "that rproxy runs as",
		    c->egress_from);
}

static void
check_listeners(const struct tlsd_config *c, struct conf_faults *f)
{
	for (size_t i = 0; i < c->n_listen; i++) {
		const struct listen_conf *l = &c->listen[i];

		if (l->proxy_protocol && l->n_proxy_from == 0)
			conf_error(f, l->at,
			    "listen.proxy_from: missing, proxy_protocol needs "
			    "the addresses of the balancers that may name "
			    "clients");
		if (!l->proxy_protocol && l->n_proxy_from > 0)
			conf_warning(f, l->at,
			    "listen.proxy_from: without effect while "
			    "proxy_protocol is off");
	}
}

static void
refuse_tickets(
    const struct tlsd_config *c, struct conf_faults *f, const char *what)
{
	conf_error(f, conf_place_of(c->source, "tlsd", "ticket_keys"),
	    "tlsd.ticket_keys: %s: %s", c->ticket_keys, what);
}

/* They are the hosts' secret, and nobody else's on any of them. */
static void
check_tickets(const struct tlsd_config *c, struct conf_faults *f)
{
	const char *error = NULL;
	struct slice keys;
	struct stat st;

	if (c->session_lifetime_ms > TICKET_MAX_LIFETIME_MS)
		conf_error(f,
		    conf_place_of(c->source, "tlsd", "session_lifetime"),
		    "tlsd.session_lifetime: at most 7 days (168h) are allowed");
	if (c->ticket_keys == NULL)
		return;
	if (!bundle_read(c->bundle, c->ticket_keys, &keys, &error) ||
	    !ticket_keys_check_file(keys, &error))
		refuse_tickets(c, f, error);
	else if (!bundle_is_fixed(c->bundle) &&
		 stat(c->ticket_keys, &st) == 0 &&
		 (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		refuse_tickets(
		    c, f, "can be read by others than its owner: chmod 0600");
}

static void
bundle_files(struct bundle *b, const struct string_list *l, const char *key,
    struct conf_faults *f)
{
	for (size_t i = 0; i < l->n; i++) {
		struct slice ignored;
		const char *error = NULL;

		if (!bundle_read(b, l->v[i], &ignored, &error))
			conf_error(
			    f, l->at[i], "%s: %s: %s", key, l->v[i], error);
	}
}

/* The system's file is one of the bundle, too: a worker opens none. */
static void
read_system_ca(
    struct bundle *b, const struct pool_conf *pool, struct conf_faults *f)
{
	const char *error = NULL;
	struct slice ignored;

	if (!bundle_read(b, TLSD_SYSTEM_CA, &ignored, &error))
		conf_error(f, pool->at,
		    "pool.tls_ca: missing, and %s is what is taken then: %s; "
		    "name the CA of the servers, or install ca-certificates",
		    TLSD_SYSTEM_CA, error);
}

static const struct server_conf *
first_https(const struct pool_conf *pool)
{
	for (size_t i = 0; i < pool->n_server; i++)
		if (pool->server[i].https)
			return &pool->server[i];
	return NULL;
}

static void
read_pool(const struct tlsd_config *c, const struct pool_conf *pool,
    struct conf_faults *f)
{
	const struct server_conf *first = first_https(pool);

	bundle_files(
	    c->bundle, &pool->tls_certificate, "pool.tls_certificate", f);
	bundle_files(c->bundle, &pool->tls_ca, "pool.tls_ca", f);
	if (first == NULL)
		return;
	if (pool->tls_ca.n == 0)
		read_system_ca(c->bundle, pool, f);
	if (c->egress == NULL)
		conf_error(f, first->at,
		    "pool.server: https:// needs egress in [tlsd] of %s, the "
		    "socket where rproxy asks for such connections",
		    c->file);
}

static void
read_sites(struct tlsd_config *c, struct conf_faults *f)
{
	size_t n_tls = 0;

	site_list_read(&c->sites, c->bundle, &c->site_patterns, f);
	for (size_t i = 0; i < c->sites.n; i++) {
		const struct tls_conf *tls = &c->sites.v[i]->tls;

		n_tls += tls->present;
		bundle_files(
		    c->bundle, &tls->certificate, "tls.certificate", f);
		bundle_files(c->bundle, &tls->client_ca, "tls.client_ca", f);
		bundle_files(c->bundle, &tls->client_crl, "tls.client_crl", f);
		for (size_t k = 0; k < c->sites.v[i]->n_pool; k++)
			read_pool(c, &c->sites.v[i]->pool[k], f);
	}
	if (c->sites.n > 0 && n_tls == 0)
		conf_error(f, conf_place_of(c->source, "tlsd", "sites"),
		    "tlsd.sites: none of the sites has a [tls] section, at "
		    "least one must");
}

struct tlsd_config *
tlsd_config_read(const char *path, struct bundle *b, struct conf_faults *f)
{
	struct tlsd_config *c = mem_need(sizeof(*c));

	c->file = daemon_conf_path(path);
	c->bundle = b;
	c->source = conf_read(b, c->file, f);
	schema_apply(&tlsd_schema, c->source, c, f);
	daemon_conf_check_addresses(c->source, f);
	check_socket(c, "backend", c->backend, f);
	daemon_conf_check_folder(b, conf_place_of(c->source, "tlsd", "backend"),
	    "tlsd.backend", c->backend, f);
	check_egress(c, f);
	check_listeners(c, f);
	daemon_conf_check_folder(
	    b, conf_place_of(c->source, "tlsd", "log"), "tlsd.log", c->log, f);
	check_tickets(c, f);
	read_sites(c, f);
	return c;
}

void
tlsd_config_free(struct tlsd_config *c)
{
	if (c == NULL)
		return;
	site_list_free(&c->sites);
	schema_release(&tlsd_schema, c);
	conf_file_free(c->source);
	mem_free(c->file);
	mem_free(c);
}

struct slice
tlsd_config_ticket_keys(const struct tlsd_config *c)
{
	struct slice keys = SLICE_NONE;

	if (c->ticket_keys != NULL)
		(void)bundle_find(c->bundle, c->ticket_keys, &keys);
	return keys;
}

unsigned
tlsd_config_n_keys(const struct tlsd_config *c)
{
	return tlsd_config_client_key_no(c, c->sites.n, 0, 0);
}

unsigned
tlsd_config_key_no(const struct tlsd_config *c, size_t site, size_t pair)
{
	size_t n = pair;

	CHECK(site <= c->sites.n);
	for (size_t i = 0; i < site; i++)
		n += c->sites.v[i]->tls.key.n;
	return (unsigned)n;
}

/* Of the pools before this one. */
static size_t
count_pool_keys(const struct site_conf *site, size_t pool)
{
	size_t n = 0;

	for (size_t i = 0; i < pool; i++)
		n += site->pool[i].tls_key.n;
	return n;
}

unsigned
tlsd_config_client_key_no(
    const struct tlsd_config *c, size_t site, size_t pool, size_t pair)
{
	size_t n = tlsd_config_key_no(c, c->sites.n, 0);

	for (size_t i = 0; i < site; i++)
		n += count_pool_keys(c->sites.v[i], c->sites.v[i]->n_pool);
	if (site < c->sites.n)
		n += count_pool_keys(c->sites.v[site], pool);
	return (unsigned)(n + pair);
}

/* NULL: it is behind the list, and *n is what is left of it. */
static const char *
take_key(const struct string_list *keys, size_t *n)
{
	if (*n < keys->n)
		return keys->v[*n];
	*n -= keys->n;
	return NULL;
}

const char *
tlsd_config_key_path(const struct tlsd_config *c, unsigned key_no)
{
	const char *path = NULL;
	size_t n = key_no;

	CHECK(key_no < tlsd_config_n_keys(c));
	for (size_t i = 0; path == NULL && i < c->sites.n; i++)
		path = take_key(&c->sites.v[i]->tls.key, &n);
	for (size_t i = 0; path == NULL && i < c->sites.n; i++)
		for (size_t k = 0; path == NULL && k < c->sites.v[i]->n_pool;
		     k++)
			path = take_key(&c->sites.v[i]->pool[k].tls_key, &n);
	return path;
}
