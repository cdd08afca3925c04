/*
 * Facts about one client.  Runs in the worker; owned by the client_conn.
 *
 *	+----------+---------+--------------+----------------------------+
 *	| identity | address | address text | text and certificates, ... |
 *	+----------+---------+--------------+----------------------------+
 *
 * in one piece of memory, the texts one behind the other without an end mark.
 * Unpacked it is four times as large.  A header is believed because the
 * listener checked who sent it, not here.
 */
#include <stddef.h>
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

struct identity {
	uint32_t verify;
	uint32_t generation;
	uint16_t cipher_bits;
	uint16_t slice_bytes[N_SLICES]; /* a header has 16 bits for all */
	uint8_t addr_bytes;
	uint8_t addr_text_bytes;
	uint8_t client;
	uint8_t n_chain;
	bool is_announced;
	bool has_ssl;
	bool is_verified;
	char bytes[];
};

_Static_assert(
    sizeof(((struct addr *)0)->u) <= UINT8_MAX && ADDR_TEXT_MAX <= UINT8_MAX,
    "their lengths are kept in a byte each");

static struct slice *
slice_at(struct proxy_v2 *pp, size_t i)
{
	if (i >= ARRAY_LEN(copied))
		return &pp->chain[i - ARRAY_LEN(copied)];
	return (struct slice *)(void *)((char *)pp + copied[i]);
}

/* A client on a Unix socket without a header, or AF_UNSPEC, has no address. */
static const char *
client_text(const struct addr *a, char text[ADDR_TEXT_MAX])
{
	if (a->len == 0 || addr_is_unix(a))
		return "unknown";
	return addr_format_ip(a, text);
}

/* With room for more_bytes behind the address and its text. */
static struct identity *
identity_new(const struct addr *client, size_t more_bytes)
{
	char text[ADDR_TEXT_MAX];
	const char *who = client_text(client, text);
	size_t who_bytes = strlen(who);
	struct identity *i = mem_try(offsetof(struct identity, bytes) +
				     client->len + who_bytes + more_bytes);

	CHECK(client->len <= sizeof(client->u));
	if (i == NULL)
		return NULL;
	i->addr_bytes = (uint8_t)client->len;
	i->addr_text_bytes = (uint8_t)who_bytes;
	memcpy(i->bytes, &client->u, client->len);
	memcpy(i->bytes + client->len, who, who_bytes);
	return i;
}

struct identity *
identity_from_socket(const struct addr *peer)
{
	return identity_new(peer, 0);
}

struct identity *
identity_from_header(const struct proxy_v2 *pp)
{
	struct proxy_v2 from = *pp;
	struct identity *i;
	size_t len = 0;
	char *room;

	for (size_t n = from.n_chain; n < PROXY_V2_CHAIN_MAX; n++)
		from.chain[n] = SLICE_NONE;
	for (size_t n = 0; n < N_SLICES; n++)
		len += slice_at(&from, n)->len;
	CHECK(len <= UINT16_MAX);
	i = identity_new(&from.src, len);
	if (i == NULL)
		return NULL;
	i->is_announced = true;
	i->has_ssl = from.has_ssl;
	i->client = from.client;
	i->verify = from.verify;
	i->is_verified = proxy_v2_is_verified(pp);
	i->cipher_bits = from.cipher_bits;
	i->generation = from.generation;
	i->n_chain = (uint8_t)from.n_chain;
	room = i->bytes + i->addr_bytes + i->addr_text_bytes;
	for (size_t n = 0; n < N_SLICES; n++) {
		const struct slice *s = slice_at(&from, n);

		i->slice_bytes[n] = (uint16_t)s->len;
		if (s->len > 0)
			memcpy(room, s->p, s->len);
		room += s->len;
	}
	return i;
}

void
identity_free(struct identity *i)
{
	mem_free(i);
}

static void
tell_header(const struct identity *i, const char *p, struct proxy_v2 *out)
{
	*out = (struct proxy_v2){ .command = PROXY_V2_PROXY,
		.has_ssl = i->has_ssl,
		.client = i->client,
		.verify = i->verify,
		.cipher_bits = i->cipher_bits,
		.generation = i->generation,
		.n_chain = i->n_chain };
	for (size_t n = 0; n < N_SLICES; n++) {
		if (i->slice_bytes[n] == 0)
			continue;
		*slice_at(out, n) = (struct slice){ p, i->slice_bytes[n] };
		p += i->slice_bytes[n];
	}
}

void
identity_tell(
    const struct identity *i, struct client_facts *out, struct proxy_v2 *tls)
{
	const char *text = i->bytes + i->addr_bytes;

	*out = (struct client_facts){
		.https = (i->client & PROXY_V2_CLIENT_SSL) != 0,
		.addr.len = i->addr_bytes,
		.addr_text = { text, i->addr_text_bytes },
		.cert_verified = i->is_verified,
	};
	memcpy(&out->addr.u, i->bytes, i->addr_bytes);
	if (!i->is_announced)
		return;
	tell_header(i, text + i->addr_text_bytes, tls);
	tls->src = out->addr;
	out->tls = tls;
}

bool
identity_is_announced(const struct identity *i)
{
	return i->is_announced;
}

uint32_t
identity_generation(const struct identity *i)
{
	return i->generation;
}
