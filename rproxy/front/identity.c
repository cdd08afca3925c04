/*
 * Facts about one client.  Runs in the worker; owned by the client_conn.
 *
 *	+--------------+----------+------------------------------+
 *	| client_facts | proxy_v2 | text and certificates, close |
 *	+--------------+----------+------------------------------+
 *
 * in one piece of memory; proxy_v2 only where a header was received.  It is
 * believed because the listener checked who sent it, not here.
 */
#include <string.h>

#include "common/check.h"
#include "common/mem.h"
#include "rproxy/front/identity.h"

static const size_t copied[] = {
	offsetof(struct proxy_v2, alpn),
	offsetof(struct proxy_v2, authority),
	offsetof(struct proxy_v2, unique_id),
	offsetof(struct proxy_v2, version),
	offsetof(struct proxy_v2, cn),
	offsetof(struct proxy_v2, cipher),
	offsetof(struct proxy_v2, sig_alg),
	offsetof(struct proxy_v2, key_alg),
	offsetof(struct proxy_v2, group),
	offsetof(struct proxy_v2, sig_scheme),
	offsetof(struct proxy_v2, cert),
	offsetof(struct proxy_v2, subject),
	offsetof(struct proxy_v2, issuer),
	offsetof(struct proxy_v2, serial),
	offsetof(struct proxy_v2, fingerprint),
	offsetof(struct proxy_v2, not_before),
	offsetof(struct proxy_v2, not_after),
	offsetof(struct proxy_v2, verify_text),
	offsetof(struct proxy_v2, session_id),
	offsetof(struct proxy_v2, listener),
};

#define N_SLICES (ARRAY_LEN(copied) + PROXY_V2_CHAIN_MAX)

static struct slice *
slice_at(struct proxy_v2 *pp, size_t i)
{
	if (i >= ARRAY_LEN(copied))
		return &pp->chain[i - ARRAY_LEN(copied)];
	return (struct slice *)(void *)((char *)pp + copied[i]);
}

static char *
put(char *room, struct slice *s)
{
	if (s->len == 0) {
		*s = SLICE_NONE;
		return room;
	}
	memcpy(room, s->p, s->len);
	s->p = room;
	return room + s->len;
}

static void
name_client(struct client_facts *f, const char *text, char *room)
{
	f->addr_text = slice_of(text);
	(void)put(room, &f->addr_text);
}

/* A client on a Unix socket without a header, or AF_UNSPEC, has no address. */
static const char *
client_text(const struct addr *a, char text[ADDR_TEXT_MAX])
{
	if (a->len == 0 || addr_is_unix(a))
		return "unknown";
	return addr_format_ip(a, text);
}

struct client_facts *
identity_from_socket(const struct addr *peer, const struct addr *local)
{
	char text[ADDR_TEXT_MAX];
	const char *who = client_text(peer, text);
	struct client_facts *f = mem_try(sizeof(*f) + strlen(who));

	if (f == NULL)
		return NULL;
	f->addr = *peer;
	f->local = *local;
	name_client(f, who, (char *)(f + 1));
	return f;
}

struct client_facts *
identity_from_header(const struct proxy_v2 *pp)
{
	struct proxy_v2 copy = *pp;
	char text[ADDR_TEXT_MAX];
	const char *who = client_text(&pp->src, text);
	size_t len = strlen(who);

	for (size_t i = copy.n_chain; i < PROXY_V2_CHAIN_MAX; i++)
		copy.chain[i] = SLICE_NONE;
	for (size_t i = 0; i < N_SLICES; i++)
		len += slice_at(&copy, i)->len;

	struct client_facts *f = mem_try(sizeof(*f) + sizeof(copy) + len);
	if (f == NULL)
		return NULL;
	struct proxy_v2 *tls = (struct proxy_v2 *)(void *)(f + 1);
	char *room = (char *)(tls + 1);
	for (size_t i = 0; i < N_SLICES; i++)
		room = put(room, slice_at(&copy, i));
	*tls = copy;
	f->https = (pp->client & PROXY_V2_CLIENT_SSL) != 0;
	f->addr = pp->src;
	f->local = pp->dst;
	f->tls = tls;
	f->cert_verified = proxy_v2_is_verified(pp);
	name_client(f, who, room);
	return f;
}

void
identity_free(struct client_facts *f)
{
	mem_free(f);
}
