/*
 * Keys in two roles.  Runs in the checker.
 *
 * The signer knows by the number of a key whether it signs for a server or
 * for a client, and refuses the structures of the other.  A key that stands in
 * the configuration as both has two numbers, and with them signs both.
 *
 * The public keys of all sites are sorted once: an installation may have
 * thousands of them.
 */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tlsd/cert_spki.h"
#include "tlsd/key_roles.h"

struct site_key {
	struct slice spki;    /* owned, OpenSSL's allocator */
	const char *path;     /* borrowed from the configuration */
	struct conf_place at; /* of its line */
};

/* False: there is none; the check of the file says why. */
static bool
read_spki(
    const struct tlsd_config *c, const char *certificate, struct slice *spki)
{
	struct slice pem;

	if (!bundle_find(c->bundle, certificate, &pem))
		return false;
	spki->p = (const char *)cert_spki_read(pem, &spki->len);
	return spki->p != NULL;
}

static int
compare(const void *a, const void *b)
{
	const struct slice *x = &((const struct site_key *)a)->spki;
	const struct slice *y = &((const struct site_key *)b)->spki;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->p, y->p, x->len);
}

/* Fills sites[], which has room for all; returns how many there are. */
static size_t
list_sites(const struct tlsd_config *c, struct site_key *sites)
{
	size_t n = 0;

	for (size_t s = 0; s < c->sites.n; s++) {
		const struct tls_conf *tls = &c->sites.v[s]->tls;

		for (size_t i = 0; i < tls->key.n && i < tls->certificate.n;
		     i++) {
			sites[n].path = tls->key.v[i];
			sites[n].at = tls->key.at[i];
			n +=
			    read_spki(c, tls->certificate.v[i], &sites[n].spki);
		}
	}
	qsort(sites, n, sizeof(*sites), compare);
	return n;
}

static void
check_pool(const struct tlsd_config *c, const struct pool_conf *pool,
    const struct site_key *sites, size_t n, struct conf_faults *f)
{
	for (size_t i = 0; i < pool->tls_key.n && i < pool->tls_certificate.n;
	     i++) {
		struct site_key own;
		const struct site_key *same;

		if (!read_spki(c, pool->tls_certificate.v[i], &own.spki))
			continue;
		same = bsearch(&own, sites, n, sizeof(*sites), compare);
		if (same != NULL)
			conf_warning(f, pool->tls_key.at[i],
			    "pool.tls_key: %s is the key of a site, too (%s in "
			    "%s:%u): it then signs for both sides of TLS; make "
			    "a key and a certificate for the pool alone",
			    pool->tls_key.v[i], same->path, same->at.file,
			    same->at.line);
		OPENSSL_free((void *)own.spki.p);
	}
}

void
key_roles_check(const struct tlsd_config *c, struct conf_faults *f)
{
	size_t room = tlsd_config_n_keys(c);
	struct site_key *sites = mem_need(room * sizeof(*sites));
	size_t n = list_sites(c, sites);

	for (size_t s = 0; s < c->sites.n; s++)
		for (size_t i = 0; i < c->sites.v[s]->n_pool; i++)
			check_pool(c, &c->sites.v[s]->pool[i], sites, n, f);
	for (size_t i = 0; i < n; i++)
		OPENSSL_free((void *)sites[i].spki.p);
	mem_free(sites);
}
