/*
 * Which site a client means.  Runs in the worker; called by libssl.
 *
 * The name is looked up in the table that rproxy uses for Host: exact, then
 * wildcards, then the default site.  Without a default site a client with a
 * strange name, or with none, gets the alert unrecognized_name (RFC 6066
 * section 3; for none RFC 8446 would have missing_extension, but at this
 * point libssl sends that as handshake_failure, which says nothing).
 *
 * SSL_set_SSL_CTX() moves certificates, ALPN, trusted CAs and the session id
 * context, but not what SSL_new() has copied; that is moved here.
 */
#include <uthash.h>

#include "common/bytes.h"
#include "common/check.h"
#include "common/mem.h"
#include "common/site_names.h"
#include "tlsd/tls_policy.h"
#include "tlsd/worker/sni.h"
#include "tlsd/worker/tls_io.h"

#define NAME_MAX_BYTES 255

struct sni_site {
	const struct site_conf *site; /* borrowed; the key */
	SSL_CTX *ctx;                 /* borrowed from tls_contexts */
	UT_hash_handle hh;
};

struct sni {
	struct site_names *names; /* owned */
	struct sni_site *sites;   /* owned */
};

static void
free_name(void *parent, void *name, CRYPTO_EX_DATA *all, int index, long argl,
    void *argp)
{
	(void)parent;
	(void)all;
	(void)index;
	(void)argl;
	(void)argp;
	OPENSSL_free(name);
}

static int
refused_index(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_name);
	CHECK(index >= 0);
	return index;
}

/* For the log; without memory it says less. */
static void
keep_refused(SSL *ssl, struct slice name)
{
	char *copy = OPENSSL_strndup(name.len > 0 ? name.p : "", name.len);

	if (SSL_set_ex_data(ssl, refused_index(), copy) != 1)
		OPENSSL_free(copy);
}

const char *
sni_refused_name(const SSL *ssl)
{
	return SSL_get_ex_data(ssl, refused_index());
}

struct sni *
sni_new(const struct site_list *sites)
{
	struct sni *s = mem_need(sizeof(*s));

	s->names = site_names_new(sites);
	return s;
}

void
sni_free(struct sni *s)
{
	struct sni_site *e, *next;

	if (s == NULL)
		return;
	HASH_ITER(hh, s->sites, e, next)
	{
		HASH_DEL(s->sites, e);
		mem_free(e);
	}
	site_names_free(s->names);
	mem_free(s);
}

void
sni_set(struct sni *s, const struct site_conf *site, SSL_CTX *ctx)
{
	struct sni_site *e = mem_need(sizeof(*e));

	SSL_CTX_set_app_data(ctx, (void *)site);
	e->site = site;
	e->ctx = ctx;
	HASH_ADD_PTR(s->sites, site, e);
}

bool
sni_parse(struct slice extension, struct slice *name)
{
	struct slice list = slice_from(extension, 2);

	/* one entry: RFC 6066 has one type, and allows one name of a type */
	if (list.len < 4 || be16(extension.p) != list.len || list.p[0] != 0 ||
	    be16(list.p + 1) != list.len - 3 || list.len - 3 > NAME_MAX_BYTES)
		return false;
	*name = slice_from(list, 3);
	return memchr(name->p, '\0', name->len) == NULL;
}

static bool
move(SSL *ssl, SSL_CTX *ctx)
{
	const struct site_conf *from =
	    SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const struct site_conf *to = SSL_CTX_get_app_data(ctx);

	if (from == to)
		return true;
	if (SSL_set_SSL_CTX(ssl, ctx) == NULL)
		return false;
	SSL_set_verify(ssl, SSL_CTX_get_verify_mode(ctx),
	    SSL_CTX_get_verify_callback(ctx));
	SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(ctx));
	return tls_policy_move(ssl, &from->tls, &to->tls);
}

/* The context for a name (empty: none was sent); NULL: nobody's. */
static SSL_CTX *
choose(const struct sni *s, struct slice name)
{
	const struct site_conf *site = site_names_find(s->names, name);
	struct sni_site *e = NULL;

	if (site != NULL)
		HASH_FIND_PTR(s->sites, &site, e);
	if (e == NULL)
		return NULL;
	tls_io_note_site(site);
	return e->ctx;
}

static int
on_client_hello(SSL *ssl, int *alert, void *ctx)
{
	const unsigned char *p = NULL;
	struct slice name = SLICE_NONE;
	SSL_CTX *chosen;
	size_t len_bytes = 0;

	if (SSL_client_hello_get0_ext(
		ssl, TLSEXT_TYPE_server_name, &p, &len_bytes) == 1 &&
	    !sni_parse((struct slice){ (const char *)p, len_bytes }, &name)) {
		*alert = SSL_AD_DECODE_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
	chosen = choose(ctx, name);
	if (chosen == NULL) {
		keep_refused(ssl, name);
		*alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_CLIENT_HELLO_ERROR;
	}
	if (!move(ssl, chosen)) {
		*alert = SSL_AD_INTERNAL_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
	return SSL_CLIENT_HELLO_SUCCESS;
}

/*
 * The choice is made above; this makes libssl keep and confirm the name.  Also,
 * with such a callback libssl always counts itself as able to speak TLS 1.3,
 * and marks the random of older versions: the signer insists (protocol.c).
 */
static int
on_server_name(SSL *ssl, int *alert, void *ctx)
{
	(void)ssl;
	(void)alert;
	(void)ctx;
	return SSL_TLSEXT_ERR_OK;
}

void
sni_attach(struct sni *s, SSL_CTX *ctx)
{
	SSL_CTX_set_client_hello_cb(ctx, on_client_hello, s);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
}
