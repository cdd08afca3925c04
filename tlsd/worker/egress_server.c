/*
 * The https servers of the configuration.  Runs in the worker; made at its
 * start, owned by it.
 *
 * What decides whether a server is the right one: a chain to a certificate in
 * tls_ca, of which any may be the end (X509_V_FLAG_PARTIAL_CHAIN, so a server
 * can be pinned by its own), and the name or address in it.  There is no
 * switch that turns this off.
 *
 * ALPN names http/1.1 alone, which is what rproxy speaks: a server of another
 * protocol behind the same certificate has nothing to say (RFC 7301).
 */
#include "tlsd/worker/egress_server.h"

#include <openssl/x509v3.h>

#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "tlsd/tls_policy.h"
#include "tlsd/worker/egress_tls.h"
#include "tlsd/worker/tls_files.h"

#define DNS_PORT 53 /* by TCP, for answers that do not fit a datagram */

struct egress_servers {
	struct tls_files files;  /* the pool: owned, NULL: contexts are made */
	struct egress_server *v; /* owned */
	size_t n;
	uint16_t *port; /* owned; of all servers, and of name servers */
	size_t n_port;
	bool has_names;
	X509_STORE *system_ca; /* owned, shared; NULL: nobody wants it yet */
};

/* which CAs ---------------------------------------------------------------- */

static bool
trust_file(const struct egress_servers *s, X509_STORE *store, const char *path)
{
	STACK_OF(X509) *cas = tls_files_certificates(&s->files, path);
	bool ok = cas != NULL;

	for (int i = 0; ok && i < sk_X509_num(cas); i++) {
		ok = X509_STORE_add_cert(store, sk_X509_value(cas, i)) == 1;
		if (!ok)
			tls_files_refuse("%s: a CA cannot be used", path);
	}
	sk_X509_pop_free(cas, X509_free);
	return ok;
}

/* The system's is large: one for all pools. */
static bool
trust_system(struct egress_servers *s, SSL_CTX *ctx)
{
	if (s->system_ca == NULL) {
		s->system_ca = X509_STORE_new();
		if (s->system_ca == NULL)
			return tls_files_refuse("out of memory");
		if (!trust_file(s, s->system_ca, TLSD_SYSTEM_CA))
			return false;
	}
	SSL_CTX_set1_cert_store(ctx, s->system_ca);
	return true;
}

static bool
trust(struct egress_servers *s, SSL_CTX *ctx, const struct pool_conf *pool)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);

	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_hostflags(
	    param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (pool->tls_ca.n == 0)
		return trust_system(s, ctx);
	for (size_t i = 0; i < pool->tls_ca.n; i++)
		if (!trust_file(
			s, SSL_CTX_get_cert_store(ctx), pool->tls_ca.v[i]))
			return false;
	return true;
}

/* the context of a pool ---------------------------------------------------- */

static bool
use_pairs(const struct egress_servers *s, SSL_CTX *ctx,
    const struct tlsd_config *config, size_t site, size_t pool)
{
	const struct pool_conf *p = &config->sites.v[site]->pool[pool];

	for (size_t i = 0; i < p->tls_certificate.n; i++)
		if (!tls_files_use_pair(&s->files, ctx, p->tls_certificate.v[i],
			tlsd_config_client_key_no(config, site, pool, i)))
			return false;
	return true;
}

static bool
set_basics(SSL_CTX *ctx)
{
	static const unsigned char alpn[] = "\x08http/1.1";

	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
				  SSL_MODE_NO_AUTO_CHAIN |
				  SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	egress_tls_prepare(ctx);
	return tls_policy_apply_client(ctx) &&
	       SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) == 0;
}

/* NULL: refused. */
static SSL_CTX *
make_context(struct egress_servers *s, const struct tlsd_config *config,
    size_t site, size_t pool)
{
	const struct pool_conf *p = &config->sites.v[site]->pool[pool];
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	bool ok = ctx != NULL && set_basics(ctx);

	if (!ok)
		tls_files_refuse(
		    "[pool %s]: OpenSSL refuses a client", p->name);
	if (ok && trust(s, ctx, p) && use_pairs(s, ctx, config, site, pool))
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

/* servers ------------------------------------------------------------------ */

static void
add_port(struct egress_servers *s, uint16_t port)
{
	s->port = mem_need_grow(s->port, s->n_port * sizeof(*s->port),
	    (s->n_port + 1) * sizeof(*s->port));
	s->port[s->n_port++] = port;
}

static void
add_server(struct egress_servers *s, SSL_CTX *ctx, const struct site_conf *site,
    const struct pool_conf *pool, const struct server_conf *conf)
{
	struct egress_server *e = &s->v[s->n++];
	const char *error = NULL;

	CHECK(SSL_CTX_up_ref(ctx) == 1);
	e->ctx = ctx;
	e->site = site;
	e->pool = pool;
	e->conf = conf;
	e->host = pool->tls_name != NULL ? pool->tls_name : conf->host;
	(void)egress_wire_server(conf->host, conf->port, e->name);
	if (!resolve_start(&e->resolve, conf->host, conf->port, &error))
		log_warning("pool %s: server name %s: %s; it cannot be "
			    "connected to until the name can be resolved",
		    pool->name, conf->host, error);
	add_port(s, conf->port);
	s->has_names |= e->resolve.is_name;
}

static bool
add_pool(struct egress_servers *s, const struct tlsd_config *config,
    size_t site, size_t pool)
{
	const struct site_conf *c = config->sites.v[site];
	const struct pool_conf *p = &c->pool[pool];
	SSL_CTX *ctx = NULL;

	for (size_t i = 0; i < p->n_server; i++) {
		if (!p->server[i].https)
			continue;
		if (ctx == NULL)
			ctx = make_context(s, config, site, pool);
		if (ctx == NULL)
			return false;
		add_server(s, ctx, c, p, &p->server[i]);
	}
	SSL_CTX_free(ctx); /* each server has its own reference */
	return true;
}

/* Of every kind; those of https are not more. */
static size_t
count_servers(const struct tlsd_config *config)
{
	size_t n = 0;

	for (size_t i = 0; i < config->sites.n; i++)
		for (size_t k = 0; k < config->sites.v[i]->n_pool; k++)
			n += config->sites.v[i]->pool[k].n_server;
	return n;
}

struct egress_servers *
egress_servers_new(const struct tlsd_config *config,
    struct signer_client *signer, const char **error)
{
	struct egress_servers *s = mem_need(sizeof(*s));

	*error = tls_files_error();
	s->files =
	    (struct tls_files){ config->bundle, signer, cert_pool_new() };
	s->v = mem_need((count_servers(config) + 1) * sizeof(*s->v));
	for (size_t i = 0; i < config->sites.n; i++)
		for (size_t k = 0; k < config->sites.v[i]->n_pool; k++)
			if (!add_pool(s, config, i, k)) {
				egress_servers_free(s);
				return NULL;
			}
	cert_pool_free(s->files.pool);
	s->files.pool = NULL;
	if (s->has_names)
		add_port(s, DNS_PORT);
	return s;
}

/* A thread is at work on it, and is not waited for. */
static bool
is_being_resolved(const struct egress_servers *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].resolve.busy)
			return true;
	return false;
}

void
egress_servers_free(struct egress_servers *s)
{
	if (s == NULL || is_being_resolved(s))
		return;
	for (size_t i = 0; i < s->n; i++) {
		SSL_SESSION_free(s->v[i].session);
		SSL_CTX_free(s->v[i].ctx);
	}
	cert_pool_free(s->files.pool);
	X509_STORE_free(s->system_ca);
	mem_free(s->port);
	mem_free(s->v);
	mem_free(s);
}

struct egress_server *
egress_servers_find(struct egress_servers *s, const struct egress_target *t)
{
	for (size_t i = 0; i < s->n; i++) {
		struct egress_server *e = &s->v[i];

		if (slice_eq(t->server, slice_of(e->name)) &&
		    slice_eq(t->pool, slice_of(e->pool->name)) &&
		    slice_eq(t->site, slice_of(e->site->name)))
			return e;
	}
	return NULL;
}

struct lock_up_egress
egress_servers_needs(const struct egress_servers *s)
{
	return (struct lock_up_egress){
		.port = s->port, .n_port = s->n_port, .has_names = s->has_names
	};
}

void
egress_servers_resolve(struct egress_servers *s, uv_loop_t *loop)
{
	for (size_t i = 0; i < s->n; i++)
		resolve_again(&s->v[i].resolve, loop);
}
