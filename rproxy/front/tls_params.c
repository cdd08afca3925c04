/*
 * The TLS parameters in use.  Runs in the worker, owned by its front.
 *
 * A client chooses among what tlsd offers, so the list has a few entries,
 * some dozens at worst; what a client says in words of its own (its name for
 * the server, its certificate) is not here but in identity.c.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"
#include "rproxy/front/tls_params.h"

static const size_t copied[] = {
	offsetof(struct proxy_v2, alpn),
	offsetof(struct proxy_v2, version),
	offsetof(struct proxy_v2, cipher),
	offsetof(struct proxy_v2, sig_alg),
	offsetof(struct proxy_v2, key_alg),
	offsetof(struct proxy_v2, group),
	offsetof(struct proxy_v2, sig_scheme),
	offsetof(struct proxy_v2, listener),
};

struct tls_params {
	LIST_ENTRY(tls_params) entry;
	unsigned n_users;
	uint32_t generation;
	uint16_t cipher_bits;
	struct slice text[ARRAY_LEN(copied)]; /* into bytes */
	char bytes[];
};

static struct slice *
slice_at(struct proxy_v2 *pp, size_t i)
{
	return (struct slice *)(void *)((char *)pp + copied[i]);
}

static struct slice
said(const struct proxy_v2 *pp, size_t i)
{
	return *(
	    const struct slice *)(const void *)((const char *)pp + copied[i]);
}

static bool
is_same(const struct tls_params *p, const struct proxy_v2 *pp)
{
	if (p->generation != pp->generation ||
	    p->cipher_bits != pp->cipher_bits)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(copied); i++)
		if (!slice_eq(p->text[i], said(pp, i)))
			return false;
	return true;
}

static struct tls_params *
copy(const struct proxy_v2 *pp)
{
	struct tls_params *p;
	size_t len_bytes = 0;
	char *room;

	for (size_t i = 0; i < ARRAY_LEN(copied); i++)
		len_bytes += said(pp, i).len;
	p = mem_try(offsetof(struct tls_params, bytes) + len_bytes);
	if (p == NULL)
		return NULL;
	p->generation = pp->generation;
	p->cipher_bits = pp->cipher_bits;
	room = p->bytes;
	for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
		struct slice s = said(pp, i);

		if (s.len == 0)
			continue;
		memcpy(room, s.p, s.len);
		p->text[i] = (struct slice){ room, s.len };
		room += s.len;
	}
	return p;
}

struct tls_params *
tls_params_get(struct tls_params_list *all, const struct proxy_v2 *pp)
{
	struct tls_params *p;

	LIST_FOREACH (p, all, entry)
		if (is_same(p, pp))
			break;
	if (p == NULL) {
		p = copy(pp);
		if (p == NULL)
			return NULL;
		LIST_INSERT_HEAD(all, p, entry);
	}
	p->n_users++;
	return p;
}

void
tls_params_put(struct tls_params *p)
{
	if (p == NULL)
		return;
	CHECK(p->n_users > 0);
	if (--p->n_users > 0)
		return;
	LIST_REMOVE(p, entry);
	mem_free(p);
}

void
tls_params_tell(const struct tls_params *p, struct proxy_v2 *out)
{
	out->generation = p->generation;
	out->cipher_bits = p->cipher_bits;
	for (size_t i = 0; i < ARRAY_LEN(copied); i++)
		*slice_at(out, i) = p->text[i];
}

uint32_t
tls_params_generation(const struct tls_params *p)
{
	return p->generation;
}
