/*
 * The part of "tlsd -t" that looks into files: certificates, CA files and
 * CRLs from the bundle, keys from disk.  What stops a start is an error; what
 * browsers will complain about is a warning, since a gateway with an expired
 * certificate still has plain HTTP and other sites to serve.
 *
 * Private keys are in memory here for the length of one comparison.  The
 * caller is a process that ends after it, never the master.
 */
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"
#include "tlsd/cert_check.h"
#include "tlsd/cert_file.h"
#include "tlsd/cert_pool.h"
#include "tlsd/cert_spki.h"
#include "tlsd/config.h"
#include "tlsd/key_decoder.h"
#include "tlsd/key_file.h"
#include "tlsd/key_roles.h"
#include "tlsd/passphrase.h"
#include "tlsd/staple_check.h"
#include "tlsd/tls_policy.h"

struct checking {
	const struct tlsd_config *config; /* borrowed, and so is the pool */
	struct cert_pool *pool;
	struct conf_faults *f;
	struct key_decoder *decoder; /* owned */
	SSL_CTX *scratch; /* owned; what OpenSSL will serve, is tried on it */
	const struct tls_conf *allowed; /* whose policy is good; NULL: none */
};

/* A file of the bundle; false: the reader of the configuration said why. */
static bool
find_file(const struct checking *c, const char *path, struct slice *text)
{
	return bundle_find(c->config->bundle, path, text);
}

static STACK_OF(X509) *
    read_chain(const struct checking *c, const struct cert_origin *from)
{
	char error[CERT_FILE_ERROR_MAX];
	STACK_OF(X509) *chain = NULL;
	struct slice text;

	if (!find_file(c, from->path, &text))
		return NULL;
	chain = cert_file_read(c->pool, text, from->path, error);
	if (chain == NULL)
		conf_error(
		    c->f, from->at, "%s: %s: %s", from->key, from->path, error);
	return chain;
}

/* Which certificate of the chain has this key, from 1; 0: none. */
static int
find_owner(STACK_OF(X509) * chain, EVP_PKEY *key)
{
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (EVP_PKEY_eq(
			X509_get0_pubkey(sk_X509_value(chain, i)), key) == 1)
			return i + 1;
	return 0;
}

/* Certificates with their keys: of a site, or of a pool towards servers. */
struct pairs {
	const struct string_list *certificate; /* i goes with i */
	const struct string_list *key;
	const char *certificate_name; /* of the keys in the file */
	const char *key_name;
	const struct string_list *names; /* to be covered; NULL: a client's */
};

static void
check_match(STACK_OF(X509) * chain, EVP_PKEY *key, const struct pairs *p,
    size_t i, struct conf_faults *f)
{
	int owner = find_owner(chain, key);

	if (owner == 0)
		conf_error(f, p->key->at[i],
		    "%s: %s is not the key of %s; key and certificate "
		    "lines belong together in their order",
		    p->key_name, p->key->v[i], p->certificate->v[i]);
	else if (owner > 1)
		conf_error(f, p->key->at[i],
		    "%s: %s is the key of certificate %d in %s, which "
		    "must come first in that file",
		    p->key_name, p->key->v[i], owner, p->certificate->v[i]);
}

/* What the other side checks, and OpenSSL does not of a certificate of ours. */
static void
check_purpose(X509 *leaf, bool is_client, const struct cert_origin *from,
    struct conf_faults *f)
{
	const char *we = is_client ? "clients" : "servers";
	const char *they = is_client ? "servers" : "clients";
	uint32_t usage = is_client ? XKU_SSL_CLIENT : XKU_SSL_SERVER;

	/* each is all ones where the certificate does not say */
	if ((X509_get_extended_key_usage(leaf) & usage) == 0)
		conf_warning(f, from->at,
		    "%s: %s is not for %s (extended key usage), %s may refuse "
		    "it",
		    from->key, from->path, we, they);
	if ((X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0)
		conf_warning(f, from->at,
		    "%s: %s is not for signatures (key usage without "
		    "digitalSignature), and each handshake has one: %s may "
		    "refuse it",
		    from->key, from->path, they);
}

/* The signer has a way of its own to the certificate's key. */
static bool
is_known_to_signer(const struct checking *c, const char *certificate)
{
	struct slice text;
	size_t len_bytes;
	unsigned char *spki = NULL;

	if (find_file(c, certificate, &text))
		spki = cert_spki_read(text, &len_bytes);
	OPENSSL_free(spki);
	return spki != NULL;
}

static void
check_chain(const struct checking *c, STACK_OF(X509) * chain,
    const struct pairs *p, const struct cert_origin *from)
{
	X509 *leaf = sk_X509_value(chain, 0);

	cert_check_dates(chain, from, c->f);
	cert_check_order(chain, from, c->f);
	if (p->names != NULL)
		cert_check_names(leaf, p->names, from, c->f);
	check_purpose(leaf, p->names == NULL, from, c->f);
	cert_check_strength(c->scratch, chain, from, c->f);
	if (!is_known_to_signer(c, from->path))
		conf_error(c->f, from->at,
		    "%s: %s: certificate 1 is not in DER under its PEM",
		    from->key, from->path);
}

static void
check_pair(const struct checking *c, const struct pairs *p, size_t i,
    struct passphrase *phrase)
{
	const struct cert_origin from = { p->certificate->at[i],
		p->certificate_name, p->certificate->v[i] };
	char error[CERT_FILE_ERROR_MAX];
	STACK_OF(X509) *chain = read_chain(c, &from);
	EVP_PKEY *key = key_file_read(c->decoder, p->key->v[i], phrase, error);

	if (key == NULL)
		conf_error(c->f, p->key->at[i], "%s: %s: %s", p->key_name,
		    p->key->v[i], error);
	if (chain != NULL)
		check_chain(c, chain, p, &from);
	if (chain != NULL && key != NULL)
		check_match(chain, key, p, i, c->f);
	EVP_PKEY_free(key);
	sk_X509_pop_free(chain, X509_free);
}

/* Of the key that a certificate speaks of; NID_undef: nobody knows. */
static int
kind_of(const struct checking *c, const char *certificate)
{
	char error[CERT_FILE_ERROR_MAX];
	STACK_OF(X509) *chain = NULL;
	int kind = NID_undef;
	struct slice text;

	if (find_file(c, certificate, &text))
		chain = cert_file_read(c->pool, text, certificate, error);
	if (chain != NULL)
		kind = EVP_PKEY_get_base_id(
		    X509_get0_pubkey(sk_X509_value(chain, 0)));
	sk_X509_pop_free(chain, X509_free);
	return kind;
}

/* OpenSSL has one place for each kind: of two the first would go unseen. */
static void
check_kinds(const struct checking *c, const struct pairs *p)
{
	for (size_t i = 1; i < p->certificate->n; i++)
		for (size_t k = 0; k < i; k++) {
			int kind = kind_of(c, p->certificate->v[i]);

			if (kind == NID_undef ||
			    kind != kind_of(c, p->certificate->v[k]))
				continue;
			conf_error(c->f, p->certificate->at[i],
			    "%s: %s has a key of the same kind as "
			    "%s, one of each kind (RSA, ECDSA, ...) is "
			    "allowed; another %s needs a %s of its own",
			    p->certificate_name, p->certificate->v[i],
			    p->certificate->v[k],
			    p->names != NULL ? "name" : "certificate",
			    p->names != NULL ? "site" : "pool");
			return;
		}
}

static void
check_pairs(
    const struct checking *c, const struct pairs *p, struct passphrase *phrase)
{
	for (size_t i = 0; i < p->certificate->n && i < p->key->n; i++)
		check_pair(c, p, i, phrase);
	check_kinds(c, p);
}

/* With the passphrase that all keys of the site's file share. */
static void
check_keys(const struct checking *c, const struct site_conf *site)
{
	const struct tls_conf *tls = &site->tls;
	char error[PASSPHRASE_ERROR_MAX];
	struct passphrase phrase;

	if (!passphrase_read(tls->key_passphrase, &phrase, error))
		conf_error(c->f,
		    conf_place_of(site->source, "tls", "key_passphrase"),
		    "tls.key_passphrase: %s", error);
	check_pairs(c,
	    &(struct pairs){ &tls->certificate, &tls->key, "tls.certificate",
		"tls.key", &site->names },
	    &phrase);
	for (size_t i = 0; i < site->n_pool; i++)
		check_pairs(c,
		    &(struct pairs){ &site->pool[i].tls_certificate,
			&site->pool[i].tls_key, "pool.tls_certificate",
			"pool.tls_key", NULL },
		    &phrase);
	mem_wipe(&phrase, sizeof(phrase));
}

/* Sites mostly speak the same: what the one before was allowed, is not tried.
 */
static void
check_policy(struct checking *c, const struct site_conf *site)
{
	SSL_CTX *ctx;
	struct tls_policy_fault fault;

	if (c->allowed != NULL && tls_policy_is_same(c->allowed, &site->tls))
		return;
	ctx = SSL_CTX_new(TLS_server_method());
	CHECK(ctx != NULL);
	if (tls_policy_apply(ctx, &site->tls, &fault))
		c->allowed = &site->tls;
	else
		conf_error(c->f, conf_place_of(site->source, "tls", fault.key),
		    "tls.%s: %s", fault.key, fault.text);
	SSL_CTX_free(ctx);
}

static void
warn_of_old_versions(const struct site_conf *site, struct conf_faults *f)
{
	if (site->tls.min_version < TLS_MIN_1_2)
		conf_warning(f,
		    conf_place_of(site->source, "tls", "min_version"),
		    "tls.min_version: TLS 1.0 and 1.1 are broken (RFC 8996), "
		    "allow them no longer than the last old client needs");
}

/* Whether the staple may be served with the i-th certificate. */
static enum staple_verdict
try_staple(const struct checking *c, const struct tls_conf *tls, size_t i,
    struct slice der, const char **reason)
{
	char error[CERT_FILE_ERROR_MAX];
	STACK_OF(X509) *chain = NULL;
	struct slice text;
	enum staple_verdict v = STAPLE_FOREIGN;
	time_t until;
	X509 *leaf;

	if (find_file(c, tls->certificate.v[i], &text))
		chain =
		    cert_file_read(c->pool, text, tls->certificate.v[i], error);
	if (chain != NULL) {
		leaf = sk_X509_value(chain, 0);
		v = staple_check(der, leaf, staple_find_issuer(chain, leaf),
		    time(NULL), &until, reason);
	}
	sk_X509_pop_free(chain, X509_free);
	return v;
}

/* Never an error: it may come, and be renewed, while tlsd runs. */
static void
check_staple(const struct checking *c, const struct tls_conf *tls, size_t no)
{
	const char *path = tls->ocsp_staple.v[no];
	const char *reason = "speaks of no certificate of the site";
	struct bundle *b = bundle_new();
	struct slice der;

	if (!bundle_read(b, path, &der, &reason)) {
		conf_warning(c->f, tls->ocsp_staple.at[no],
		    "tls.ocsp_staple: %s: %s", path, reason);
		bundle_free(b);
		return;
	}
	for (size_t i = 0; i < tls->certificate.n; i++) {
		const char *why;

		switch (try_staple(c, tls, i, der, &why)) {
		case STAPLE_FOREIGN:
			break;
		case STAPLE_BAD:
			reason = why;
			break;
		case STAPLE_GOOD:
			bundle_free(b);
			return;
		}
	}
	conf_warning(c->f, tls->ocsp_staple.at[no],
	    "tls.ocsp_staple: %s %s; it is not served", path, reason);
	bundle_free(b);
}

/* Of all files that can be read; what is wrong with the others is told where
 * each is checked. */
static STACK_OF(X509) *
    read_client_cas(const struct checking *c, const struct tls_conf *tls)
{
	char error[CERT_FILE_ERROR_MAX];
	STACK_OF(X509) *all = sk_X509_new_null();
	struct slice text;

	CHECK(all != NULL);
	for (size_t i = 0; i < tls->client_ca.n; i++) {
		const char *path = tls->client_ca.v[i];
		STACK_OF(X509) *list = NULL;

		if (find_file(c, path, &text))
			list = cert_file_read(c->pool, text, path, error);
		while (sk_X509_num(list) > 0)
			CHECK(sk_X509_push(all, sk_X509_shift(list)) > 0);
		sk_X509_free(list);
	}
	return all;
}

/* The same; NULL: there are none, or not all can be read. */
static STACK_OF(X509_CRL) *
    read_client_crls(const struct checking *c, const struct tls_conf *tls)
{
	char error[CERT_FILE_ERROR_MAX];
	STACK_OF(X509_CRL) *all = NULL;
	bool good = true;

	for (size_t i = 0; good && i < tls->client_crl.n; i++) {
		const char *path = tls->client_crl.v[i];
		STACK_OF(X509_CRL) *list = NULL;
		struct slice text;

		if (find_file(c, path, &text))
			list = cert_file_read_crls(c->pool, text, path, error);
		good = list != NULL;
		if (all == NULL) {
			all = list;
			continue;
		}
		while (sk_X509_CRL_num(list) > 0)
			CHECK(
			    sk_X509_CRL_push(all, sk_X509_CRL_shift(list)) > 0);
		sk_X509_CRL_free(list);
	}
	if (good)
		return all;
	sk_X509_CRL_pop_free(all, X509_CRL_free);
	return NULL;
}

static void
check_client_ca(const struct checking *c, const struct cert_origin *from,
    STACK_OF(X509) * all, STACK_OF(X509_CRL) * crls)
{
	STACK_OF(X509) *list = read_chain(c, from);

	if (list == NULL)
		return;
	cert_check_dates(list, from, c->f);
	cert_check_cas(list, all, crls, from, c->f);
	for (int i = 0; i < sk_X509_num(list); i++)
		if (X509_check_ca(sk_X509_value(list, i)) == 0)
			conf_warning(c->f, from->at,
			    "%s: %s: certificate %d is not that of a CA",
			    from->key, from->path, i + 1);
	sk_X509_pop_free(list, X509_free);
}

static void
check_client_crl(const struct checking *c, const struct cert_origin *from)
{
	char error[CERT_FILE_ERROR_MAX];
	char when[CERT_CHECK_TIME_MAX];
	STACK_OF(X509_CRL) *list = NULL;
	struct slice text;

	if (!find_file(c, from->path, &text))
		return;
	list = cert_file_read_crls(c->pool, text, from->path, error);
	if (list == NULL)
		conf_error(
		    c->f, from->at, "%s: %s: %s", from->key, from->path, error);
	for (int i = 0; i < sk_X509_CRL_num(list); i++) {
		const X509_CRL *crl = sk_X509_CRL_value(list, i);
		const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
		const ASN1_TIME *last = X509_CRL_get0_lastUpdate(crl);

		if (X509_cmp_current_time(last) > 0)
			conf_warning(c->f, from->at,
			    "%s: %s: CRL %d is not valid before %s; until "
			    "then, every certificate of that CA is refused",
			    from->key, from->path, i + 1,
			    cert_check_time(last, when));
		if (next != NULL && X509_cmp_current_time(next) < 0)
			conf_warning(c->f, from->at,
			    "%s: %s: CRL %d was to be renewed by %s; until it "
			    "is, every certificate of that CA is refused",
			    from->key, from->path, i + 1,
			    cert_check_time(next, when));
	}
	sk_X509_CRL_pop_free(list, X509_CRL_free);
}

static void
check_clients(const struct checking *c, const struct tls_conf *tls)
{
	STACK_OF(X509) *all = read_client_cas(c, tls);
	STACK_OF(X509_CRL) *crls = read_client_crls(c, tls);

	for (size_t i = 0; i < tls->client_ca.n; i++)
		check_client_ca(c,
		    &(struct cert_origin){ tls->client_ca.at[i],
			"tls.client_ca", tls->client_ca.v[i] },
		    all, crls);
	for (size_t i = 0; i < tls->client_crl.n; i++)
		check_client_crl(
		    c, &(struct cert_origin){ tls->client_crl.at[i],
			   "tls.client_crl", tls->client_crl.v[i] });
	sk_X509_pop_free(all, X509_free);
	sk_X509_CRL_pop_free(crls, X509_CRL_free);
}

/* Any certificate may be trusted: that of a CA or a server's own. */
static void
check_server_ca(const struct checking *c, const struct cert_origin *from)
{
	STACK_OF(X509) *list = read_chain(c, from);

	if (list != NULL)
		cert_check_dates(list, from, c->f);
	sk_X509_pop_free(list, X509_free);
}

static void
check_site(struct checking *c, const struct site_conf *site)
{
	const struct tls_conf *tls = &site->tls;

	check_policy(c, site);
	warn_of_old_versions(site, c->f);
	for (size_t i = 0; i < tls->ocsp_staple.n; i++)
		check_staple(c, tls, i);
	check_clients(c, tls);
}

static void
check_pool(const struct checking *c, const struct pool_conf *pool)
{
	for (size_t i = 0; i < pool->tls_ca.n; i++)
		check_server_ca(c, &(struct cert_origin){ pool->tls_ca.at[i],
				       "pool.tls_ca", pool->tls_ca.v[i] });
}

void
tlsd_check_files(
    const struct tlsd_config *c, struct cert_pool *pool, struct conf_faults *f)
{
	struct checking checking = {
		.config = c,
		.pool = pool,
		.f = f,
		.decoder = key_decoder_new(),
		.scratch = SSL_CTX_new(TLS_server_method()),
	};

	CHECK(checking.scratch != NULL);
	for (size_t i = 0; i < c->sites.n; i++) {
		const struct site_conf *site = c->sites.v[i];

		if (site->tls.present)
			check_site(&checking, site);
		check_keys(&checking, site);
		for (size_t k = 0; k < site->n_pool; k++)
			check_pool(&checking, &site->pool[k]);
	}
	key_roles_check(c, f);
	SSL_CTX_free(checking.scratch);
	key_decoder_free(checking.decoder);
}
