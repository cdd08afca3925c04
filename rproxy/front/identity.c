/*
 * Facts about one client.  Runs in the worker; owned by the client_conn.
 *
 *	+----------+---------+--------------+--------+------+--------+-----
 *	| identity | address | address text | length | text | length | ...
 *	+----------+---------+--------------+--------+------+--------+-----
 *
 * in one piece of memory, with texts only for what the header said; what it
 * said in the words of many others is shared (tls_params.h).  Unpacked it is
 * several times as large.  A header is believed because the listener checked
 * who sent it, not here.
 */
#include <stddef.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"
#include "rproxy/front/identity.h"

static const size_t own[] = {
	offsetof(struct proxy_v2, authority),
	offsetof(struct proxy_v2, unique_id),
	offsetof(struct proxy_v2, session_id),
	offsetof(struct proxy_v2, cn),
	offsetof(struct proxy_v2, cert),
	offsetof(struct proxy_v2, subject),
	offsetof(struct proxy_v2, issuer),
	offsetof(struct proxy_v2, serial),
	offsetof(struct proxy_v2, fingerprint),
	offsetof(struct proxy_v2, not_before),
	offsetof(struct proxy_v2, not_after),
	offsetof(struct proxy_v2, verify_text),
};

#define N_SLICES (ARRAY_LEN(own) + PROXY_V2_CHAIN_MAX)

struct identity {
	struct tls_params *params; /* a share; NULL: without a header */
	uint32_t verify;
	uint32_t has; /* bit n: slice n is among the texts */
	uint8_t addr_bytes;
	uint8_t addr_text_bytes;
	uint8_t client;
	uint8_t n_chain;
	bool has_ssl;
	bool is_verified;
	char bytes[];
};

_Static_assert(
    sizeof(((struct addr *)0)->u) <= UINT8_MAX && ADDR_TEXT_MAX <= UINT8_MAX,
    "their lengths are kept in a byte each");
_Static_assert(N_SLICES < 32, "a bit of has for each");

/* A header has 16 bits for all of them. */
typedef uint16_t text_length;

static struct slice *
slice_at(struct proxy_v2 *pp, size_t i)
{
	if (i >= ARRAY_LEN(own))
		return &pp->chain[i - ARRAY_LEN(own)];
	return (struct slice *)(void *)((char *)pp + own[i]);
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

static size_t
texts_bytes(struct proxy_v2 *from)
{
	size_t texts = 0, all = 0;

	for (size_t n = 0; n < N_SLICES; n++) {
		size_t len = slice_at(from, n)->len;

		texts += len;
		all += len > 0 ? sizeof(text_length) + len : 0;
	}
	CHECK(texts <= UINT16_MAX);
	return all;
}

static void
copy_texts(struct identity *i, struct proxy_v2 *from)
{
	char *room = i->bytes + i->addr_bytes + i->addr_text_bytes;

	for (size_t n = 0; n < N_SLICES; n++) {
		const struct slice *s = slice_at(from, n);
		text_length len = (text_length)s->len;

		if (len == 0)
			continue;
		i->has |= 1u << n;
		memcpy(room, &len, sizeof(len));
		memcpy(room + sizeof(len), s->p, len);
		room += sizeof(len) + len;
	}
}

struct identity *
identity_from_header(struct tls_params_list *all, const struct proxy_v2 *pp)
{
	struct proxy_v2 from = *pp;
	struct identity *i;

	for (size_t n = from.n_chain; n < PROXY_V2_CHAIN_MAX; n++)
		from.chain[n] = SLICE_NONE;
	i = identity_new(&from.src, texts_bytes(&from));
	if (i == NULL)
		return NULL;
	i->params = tls_params_get(all, pp);
	if (i->params == NULL) {
		mem_free(i);
		return NULL;
	}
	i->has_ssl = from.has_ssl;
	i->client = from.client;
	i->verify = from.verify;
	i->is_verified = proxy_v2_is_verified(pp);
	i->n_chain = (uint8_t)from.n_chain;
	copy_texts(i, &from);
	return i;
}

void
identity_free(struct identity *i)
{
	if (i == NULL)
		return;
	tls_params_put(i->params);
	mem_free(i);
}

static void
tell_texts(const struct identity *i, const char *p, struct proxy_v2 *out)
{
	text_length len;

	for (size_t n = 0; i->has >> n != 0; n++) {
		if ((i->has >> n & 1) == 0)
			continue;
		memcpy(&len, p, sizeof(len));
		*slice_at(out, n) = (struct slice){ p + sizeof(len), len };
		p += sizeof(len) + len;
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
	if (!identity_is_announced(i))
		return;
	*tls = (struct proxy_v2){ .command = PROXY_V2_PROXY,
		.src = out->addr,
		.has_ssl = i->has_ssl,
		.client = i->client,
		.verify = i->verify,
		.n_chain = i->n_chain };
	tls_params_tell(i->params, tls);
	tell_texts(i, text + i->addr_text_bytes, tls);
	out->tls = tls;
}

bool
identity_is_announced(const struct identity *i)
{
	return i->params != NULL;
}

uint32_t
identity_generation(const struct identity *i)
{
	return i->params != NULL ? tls_params_generation(i->params) : 0;
}
