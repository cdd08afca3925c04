/*
 * Certificates and CRLs by their bytes.  Runs in the checker, and in the
 * worker while it starts.
 *
 * To parse a certificate takes OpenSSL 3.0 1.5 million instructions, nearly
 * all of them for the public key, and 4 KiB; a CRL 200 bytes and more for
 * each line of it.
 */
#include "tlsd/cert_pool.h"

/* the default (Jenkins) falls through cases without saying so */
#define HASH_FUNCTION(key, len, hash) HASH_FNV(key, len, hash)
#include <uthash.h>

#include "common/mem.h"

struct pooled {
	char *der;     /* owned; the key */
	X509 *cert;    /* a reference of ours; NULL: it is a CRL */
	X509_CRL *crl; /* the same */
	UT_hash_handle hh;
};

struct cert_pool {
	struct pooled *certs; /* owned, uthash heads */
	struct pooled *crls;
};

struct cert_pool *
cert_pool_new(void)
{
	return mem_need(sizeof(struct cert_pool));
}

static void
free_all(struct pooled *head)
{
	struct pooled *e, *next;

	HASH_ITER(hh, head, e, next)
	{
		HASH_DEL(head, e);
		X509_free(e->cert);
		X509_CRL_free(e->crl);
		mem_free(e->der);
		mem_free(e);
	}
}

void
cert_pool_free(struct cert_pool *p)
{
	if (p == NULL)
		return;
	free_all(p->certs);
	free_all(p->crls);
	mem_free(p);
}

static struct pooled *
find(struct pooled *head, struct slice der)
{
	struct pooled *e;

	HASH_FIND(hh, head, der.p, der.len, e);
	return e;
}

static struct pooled *
add(struct pooled **head, struct slice der)
{
	struct pooled *e = mem_need(sizeof(*e));

	e->der = slice_dup(der);
	HASH_ADD_KEYPTR(hh, *head, e->der, der.len, e);
	return e;
}

X509 *
cert_pool_take(struct cert_pool *p, struct slice der)
{
	const unsigned char *at = (const unsigned char *)der.p;
	struct pooled *e = find(p->certs, der);
	X509 *cert = e != NULL ? e->cert : d2i_X509(NULL, &at, (long)der.len);

	if (cert == NULL)
		return NULL;
	if (e == NULL)
		add(&p->certs, der)->cert = cert;
	X509_up_ref(cert);
	return cert;
}

X509_CRL *
cert_pool_take_crl(struct cert_pool *p, struct slice der)
{
	const unsigned char *at = (const unsigned char *)der.p;
	struct pooled *e = find(p->crls, der);
	X509_CRL *crl =
	    e != NULL ? e->crl : d2i_X509_CRL(NULL, &at, (long)der.len);

	if (crl == NULL)
		return NULL;
	if (e == NULL)
		add(&p->crls, der)->crl = crl;
	X509_CRL_up_ref(crl);
	return crl;
}
