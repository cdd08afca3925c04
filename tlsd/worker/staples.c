/*
 * The OCSP staples of one site.  Runs in the worker, owned by its contexts;
 * serve() is called by libssl.
 *
 *	master sees a file change -> bundle -> staples_load -> served until it
 *	expires or the next one comes
 *
 * A site may have several certificates (RSA and ECDSA) and several files:
 * each file goes to the certificate that it speaks of, whatever the order.
 */
#include <string.h>

#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "tlsd/staple_check.h"
#include "tlsd/worker/staples.h"

struct staple {
	X509 *leaf;         /* borrowed from the context */
	X509 *issuer;       /* the same; NULL: not in the certificate's file */
	unsigned char *der; /* owned; NULL: none */
	size_t len_bytes;
	time_t until;
	bool has_ended; /* and that has been logged */
};

struct staples {
	const struct site_conf *site; /* borrowed */
	struct staple *v;             /* owned */
	size_t n;
};

/* Whether it may be served at this moment. */
static bool
is_fresh(const struct staples *s, struct staple *staple)
{
	if (staple->der == NULL)
		return false;
	if (staple->until > time(NULL))
		return true;
	if (!staple->has_ended)
		log_error("site %s: the OCSP staple has expired and is not "
			  "served any more",
		    s->site->name);
	staple->has_ended = true;
	return false;
}

static int
serve(SSL *ssl, void *ctx)
{
	struct staples *s = ctx;
	const X509 *leaf = SSL_get_certificate(ssl);
	unsigned char *copy;

	for (size_t i = 0; i < s->n; i++) {
		struct staple *staple = &s->v[i];

		if (staple->leaf != leaf || !is_fresh(s, staple))
			continue;
		copy = OPENSSL_memdup(staple->der, staple->len_bytes);
		if (copy == NULL)
			return SSL_TLSEXT_ERR_NOACK;
		/* takes copy over */
		SSL_set_tlsext_status_ocsp_resp(
		    ssl, copy, (long)staple->len_bytes);
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

static void
note_certificate(struct staples *s, SSL_CTX *ctx)
{
	STACK_OF(X509) *chain = NULL;
	X509 *leaf = SSL_CTX_get0_certificate(ctx);

	s->v = mem_need_grow(
	    s->v, s->n * sizeof(*s->v), (s->n + 1) * sizeof(*s->v));
	SSL_CTX_get0_chain_certs(ctx, &chain);
	s->v[s->n] = (struct staple){ .leaf = leaf,
		.issuer = staple_find_issuer(chain, leaf) };
	s->n++;
}

struct staples *
staples_new(SSL_CTX *ctx, const struct site_conf *site)
{
	struct staples *s = mem_need(sizeof(*s));
	long which = SSL_CERT_SET_FIRST;

	s->site = site;
	if (site->tls.ocsp_staple.n == 0)
		return s;
	for (; SSL_CTX_set_current_cert(ctx, which) == 1;
	     which = SSL_CERT_SET_NEXT)
		note_certificate(s, ctx);
	SSL_CTX_set_tlsext_status_cb(ctx, serve);
	SSL_CTX_set_tlsext_status_arg(ctx, s);
	return s;
}

void
staples_free(struct staples *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++)
		mem_free(s->v[i].der);
	mem_free(s->v);
	mem_free(s);
}

static bool
take(struct staple *staple, struct slice der, time_t until)
{
	unsigned char *copy = mem_try(der.len);

	if (copy == NULL)
		return false;
	memcpy(copy, der.p, der.len);
	mem_free(staple->der);
	staple->der = copy;
	staple->len_bytes = der.len;
	staple->until = until;
	staple->has_ended = false;
	return true;
}

/* NULL: it has found its certificate; or why it is not served. */
static const char *
load(struct staples *s, struct slice der)
{
	const char *reason = "speaks of no certificate of the site";
	time_t until;

	for (size_t i = 0; i < s->n; i++) {
		struct staple *staple = &s->v[i];
		const char *why;

		switch (staple_check(der, staple->leaf, staple->issuer,
		    time(NULL), &until, &why)) {
		case STAPLE_FOREIGN:
			break;
		case STAPLE_BAD:
			reason = why;
			break;
		case STAPLE_GOOD:
			return take(staple, der, until)
				   ? NULL
				   : "does not fit into memory";
		}
	}
	return reason;
}

static bool
is_held(const struct staples *s, struct slice der)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].der != NULL && s->v[i].len_bytes == der.len &&
		    memcmp(s->v[i].der, der.p, der.len) == 0)
			return true;
	return false;
}

unsigned
staples_load(struct staples *s, const struct bundle *b)
{
	const struct string_list *paths = &s->site->tls.ocsp_staple;
	unsigned n_refused = 0;

	for (size_t i = 0; i < paths->n; i++) {
		struct slice der;
		const char *reason;

		if (!bundle_find(b, paths->v[i], &der))
			continue; /* unreadable: the master has said so */
		if (is_held(s, der))
			continue; /* another one has changed */
		reason = load(s, der);
		if (reason == NULL) {
			log_info("site %s: OCSP staple %s is served",
			    s->site->name, paths->v[i]);
			continue;
		}
		log_error("site %s: OCSP staple %s is not served: it %s",
		    s->site->name, paths->v[i], reason);
		n_refused++;
	}
	return n_refused;
}
