/*
 * One SSL_CTX per site.  Runs in the worker, at its start.
 *
 * What a site speaks is decided in tls_policy.c.  Renegotiation, compression
 * and 0-RTT are off, whatever the configuration says.
 *
 * A connection begins with the first context of the list; sni.c moves it.
 * Session tickets are the first context's business (libssl looks there), so
 * all contexts share the same callbacks.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "tlsd/tls_policy.h"
#include "tlsd/worker/signer_provider.h"
#include "tlsd/worker/sni.h"
#include "tlsd/worker/staples.h"
#include "tlsd/worker/tickets.h"
#include "tlsd/worker/tls_context.h"
#include "tlsd/worker/tls_files.h"

struct tls_contexts {
	const struct tlsd_config *config; /* borrowed, outlives us */
	struct tls_files files;   /* the pool: owned, NULL: contexts are made */
	struct sni *sni;          /* owned */
	SSL_CTX **ctx;            /* owned, by site; NULL: site without [tls] */
	SSL_CTX *first;           /* borrowed from ctx */
	struct staples **staples; /* owned, by site */
};

static bool
use_pairs(const struct tls_contexts *t, SSL_CTX *ctx, size_t site)
{
	const struct tls_conf *tls = &t->config->sites.v[site]->tls;

	for (size_t i = 0; i < tls->certificate.n; i++)
		if (!tls_files_use_pair(&t->files, ctx, tls->certificate.v[i],
			tlsd_config_key_no(t->config, site, i)))
			return false;
	return true;
}

static bool
trust_file(const struct tls_contexts *t, SSL_CTX *ctx, const char *path)
{
	STACK_OF(X509) *cas = tls_files_certificates(&t->files, path);
	bool ok = cas != NULL;

	for (int i = 0; ok && i < sk_X509_num(cas); i++) {
		X509 *ca = sk_X509_value(cas, i);

		ok = X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca) &&
		     SSL_CTX_add_client_CA(ctx, ca);
		if (!ok)
			tls_files_refuse("%s: a CA cannot be used", path);
	}
	sk_X509_pop_free(cas, X509_free);
	return ok;
}

/* Lists for the whole chain must be there then, each by its CA. */
static bool
use_revocations(const struct tls_contexts *t, SSL_CTX *ctx, const char *path)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	STACK_OF(X509_CRL) *list = tls_files_crls(&t->files, path);
	bool ok = true;

	if (list == NULL)
		return false;
	for (int i = 0; ok && i < sk_X509_CRL_num(list); i++)
		ok = X509_STORE_add_crl(store, sk_X509_CRL_value(list, i)) == 1;
	sk_X509_CRL_pop_free(list, X509_CRL_free);
	if (!ok)
		return tls_files_refuse("%s: a CRL cannot be used", path);
	return X509_STORE_set_flags(store,
		   X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
}

/* The verdict is passed on; the client is let in with any. */
static int
on_any_verdict(int is_good, X509_STORE_CTX *store)
{
	(void)is_good;
	(void)store;
	return 1;
}

static bool
ask_clients(const struct tls_contexts *t, SSL_CTX *ctx, size_t site)
{
	static const int modes[] = {
		[CLIENT_VERIFY_NONE] = SSL_VERIFY_NONE,
		[CLIENT_VERIFY_OPTIONAL] = SSL_VERIFY_PEER,
		[CLIENT_VERIFY_OPTIONAL_ANY] = SSL_VERIFY_PEER,
		[CLIENT_VERIFY_REQUIRED] =
		    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
	};
	const struct tls_conf *tls = &t->config->sites.v[site]->tls;

	SSL_CTX_set_verify(ctx, modes[tls->client_verify],
	    tls->client_verify == CLIENT_VERIFY_OPTIONAL_ANY ? on_any_verdict
							     : NULL);
	if (tls->client_verify == CLIENT_VERIFY_NONE)
		return true;
	SSL_CTX_set_verify_depth(ctx, (int)tls->client_depth);
	for (size_t i = 0; i < tls->client_ca.n; i++)
		if (!trust_file(t, ctx, tls->client_ca.v[i]))
			return false;
	for (size_t i = 0; i < tls->client_crl.n; i++)
		if (!use_revocations(t, ctx, tls->client_crl.v[i]))
			return false;
	return true;
}

static bool
digest_files(const struct tls_contexts *t, EVP_MD_CTX *md,
    const struct string_list *paths)
{
	struct slice pem;

	for (size_t i = 0; i < paths->n; i++)
		if (!bundle_find(t->config->bundle, paths->v[i], &pem) ||
		    EVP_DigestUpdate(md, pem.p, pem.len) != 1)
			return false;
	return true;
}

/*
 * A session is resumed only where the same clients would be let in: the same
 * site, the same demands, the same CAs and revocations.
 */
static bool
name_sessions(const struct tls_contexts *t, SSL_CTX *ctx, size_t site)
{
	const struct site_conf *s = t->config->sites.v[site];
	char rules[64];
	unsigned char id[EVP_MAX_MD_SIZE];
	unsigned id_bytes = 0;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok;

	snprintf(rules, sizeof(rules), "|%d|%u|", (int)s->tls.client_verify,
	    s->tls.client_depth);
	ok = md != NULL && EVP_DigestInit_ex2(md, EVP_sha256(), NULL) == 1 &&
	     EVP_DigestUpdate(md, s->name, strlen(s->name)) == 1 &&
	     EVP_DigestUpdate(md, rules, strlen(rules)) == 1 &&
	     digest_files(t, md, &s->tls.client_ca) &&
	     digest_files(t, md, &s->tls.client_crl) &&
	     EVP_DigestFinal_ex(md, id, &id_bytes) == 1 &&
	     SSL_CTX_set_session_id_context(ctx, id, id_bytes) == 1;
	EVP_MD_CTX_free(md);
	return ok || tls_files_refuse("%s: sessions cannot be named", s->file);
}

/* RFC 7301 section 3.2: nothing in common is fatal. */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_bytes,
    const unsigned char *in, unsigned in_bytes, void *ctx)
{
	static const unsigned char ours[] = "\x08http/1.1\x08http/1.0";
	unsigned char *chosen;

	(void)ssl;
	(void)ctx;
	if (SSL_select_next_proto(&chosen, out_bytes, ours, sizeof(ours) - 1,
		in, in_bytes) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static bool
set_basics(SSL_CTX *ctx, const struct site_conf *site)
{
	struct tls_policy_fault fault;

	/* what is sent is what is in the certificate's file */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
				  SSL_MODE_NO_AUTO_CHAIN |
				  SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	if (tls_policy_apply(ctx, &site->tls, &fault))
		return true;
	return tls_files_refuse(
	    "%s: tls.%s: %s", site->file, fault.key, fault.text);
}

/* all --------------------------------------------------------------------- */

static bool
make_context(struct tls_contexts *t, size_t site)
{
	const struct site_conf *s = t->config->sites.v[site];
	SSL_CTX *ctx;

	ctx = t->ctx[site] = SSL_CTX_new(TLS_server_method());
	if (ctx == NULL)
		return tls_files_refuse("%s: out of memory", s->file);
	if (!set_basics(ctx, s))
		return false;
	tickets_use(ctx, t->config->session_lifetime_ms);
	sni_attach(t->sni, ctx);
	sni_set(t->sni, s, ctx);
	if (t->first == NULL || s->is_default)
		t->first = ctx;
	if (!use_pairs(t, ctx, site) || !ask_clients(t, ctx, site) ||
	    !name_sessions(t, ctx, site))
		return false;
	t->staples[site] = staples_new(ctx, s);
	return true;
}

struct tls_contexts *
tls_contexts_new(const struct tlsd_config *config, struct signer_client *signer,
    const struct ticket_keys *keys, const char **error)
{
	struct tls_contexts *t = mem_need(sizeof(*t));

	*error = tls_files_error();
	t->config = config;
	t->files =
	    (struct tls_files){ config->bundle, signer, cert_pool_new() };
	t->ctx = mem_need(sizeof(*t->ctx) * (config->sites.n + 1));
	t->staples = mem_need(sizeof(*t->staples) * (config->sites.n + 1));
	t->sni = sni_new(&config->sites);
	if (!signer_provider_init(signer) || !tickets_init(keys)) {
		tls_files_refuse("OpenSSL's providers cannot be loaded");
		goto fail;
	}
	for (size_t i = 0; i < config->sites.n; i++)
		if (config->sites.v[i]->tls.present && !make_context(t, i))
			goto fail;
	if (t->first == NULL) {
		tls_files_refuse(
		    "%s: no site has a [tls] section", config->file);
		goto fail;
	}
	cert_pool_free(t->files.pool);
	t->files.pool = NULL;
	return t;
fail:
	tls_contexts_free(t);
	return NULL;
}

void
tls_contexts_free(struct tls_contexts *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->config->sites.n; i++) {
		staples_free(t->staples[i]);
		SSL_CTX_free(t->ctx[i]);
	}
	mem_free(t->staples);
	mem_free(t->ctx);
	sni_free(t->sni);
	cert_pool_free(t->files.pool);
	mem_free(t);
	tickets_fini();
	signer_provider_fini();
}

unsigned
tls_contexts_take_files(struct tls_contexts *t, int fd)
{
	struct bundle *b = bundle_open(fd);
	unsigned n_refused = 0;

	if (b == NULL) {
		log_error("files from the master cannot be read");
		return 0;
	}
	for (size_t i = 0; i < t->config->sites.n; i++)
		if (t->staples[i] != NULL)
			n_refused += staples_load(t->staples[i], b);
	bundle_free(b);
	return n_refused;
}

SSL_CTX *
tls_contexts_first(const struct tls_contexts *t)
{
	return t->first;
}
