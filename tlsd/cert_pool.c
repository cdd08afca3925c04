/*
 * Certificates by their bytes.  Runs in the checker, and in the worker while
 * it starts.
 *
 * To parse one takes OpenSSL 3.0 1.5 million instructions, nearly all of them
 * for the public key, and 6 KiB.
 */
#include "tlsd/cert_pool.h"

/* the default (Jenkins) falls through cases without saying so */
#define HASH_FUNCTION(key, len, hash) HASH_FNV(key, len, hash)
#include <uthash.h>

#include "common/mem.h"

struct pooled {
	char *der;  /* owned; the key */
	X509 *cert; /* a reference of ours */
	UT_hash_handle hh;
};

struct cert_pool {
	struct pooled *all; /* owned, uthash head */
};

struct cert_pool *
cert_pool_new(void)
{
	return mem_need(sizeof(struct cert_pool));
}

void
cert_pool_free(struct cert_pool *p)
{
	struct pooled *e, *next;

	if (p == NULL)
		return;
	HASH_ITER(hh, p->all, e, next)
	{
		HASH_DEL(p->all, e);
		X509_free(e->cert);
		mem_free(e->der);
		mem_free(e);
	}
	mem_free(p);
}

static struct pooled *
add(struct cert_pool *p, struct slice der)
{
	const unsigned char *at = (const unsigned char *)der.p;
	X509 *cert = d2i_X509(NULL, &at, (long)der.len);
	struct pooled *e;

	if (cert == NULL)
		return NULL;
	e = mem_need(sizeof(*e));
	e->der = slice_dup(der);
	e->cert = cert;
	HASH_ADD_KEYPTR(hh, p->all, e->der, der.len, e);
	return e;
}

X509 *
cert_pool_take(struct cert_pool *p, struct slice der)
{
	struct pooled *e = NULL;

	HASH_FIND(hh, p->all, der.p, der.len, e);
	if (e == NULL)
		e = add(p, der);
	if (e == NULL)
		return NULL;
	X509_up_ref(e->cert);
	return e->cert;
}
