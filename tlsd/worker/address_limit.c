/*
 * How many connections each address has.  Runs in the worker, owned by it.
 *
 * Only addresses that have a connection are in the table, so it is never
 * larger than the number of connections.  An IPv6 client has a whole /64 to
 * choose from, so that is what counts; IPv4 mapped into IPv6 is IPv4.
 */
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "common/check.h"
#include "common/mem.h"
#include "tlsd/worker/address_limit.h"

#define KEY_BYTES 8

struct address {
	uint8_t key[KEY_BYTES];
	unsigned n;
	UT_hash_handle hh;
};

struct address_limit {
	unsigned at_most;
	struct address *all; /* owned */
};

/* The /64; or four bytes of IPv4 behind a prefix that is never assigned. */
static void
key_of(const struct addr *a, uint8_t key[KEY_BYTES])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *ip6 = a->u.in6.sin6_addr.s6_addr;

	memset(key, 0, KEY_BYTES);
	if (a->len == 0)
		return;
	if (a->u.sa.sa_family == AF_INET) {
		memcpy(key + 4, &a->u.in.sin_addr, 4);
		return;
	}
	if (memcmp(ip6, mapped, sizeof(mapped)) == 0)
		memcpy(key + 4, ip6 + sizeof(mapped), 4);
	else
		memcpy(key, ip6, KEY_BYTES);
}

struct address_limit *
address_limit_new(unsigned at_most)
{
	struct address_limit *l = mem_need(sizeof(*l));

	l->at_most = at_most;
	return l;
}

void
address_limit_free(struct address_limit *l)
{
	struct address *e, *next;

	if (l == NULL)
		return;
	HASH_ITER(hh, l->all, e, next)
	{
		HASH_DEL(l->all, e);
		mem_free(e);
	}
	mem_free(l);
}

static struct address *
add(struct address_limit *l, const uint8_t key[KEY_BYTES])
{
	struct address *e = mem_try(sizeof(*e));

	if (e == NULL)
		return NULL;
	memcpy(e->key, key, KEY_BYTES);
	HASH_ADD(hh, l->all, key, KEY_BYTES, e);
	if (e->hh.tbl != NULL)
		return e;
	mem_free(e); /* the table could not grow */
	return NULL;
}

bool
address_limit_take(struct address_limit *l, const struct addr *a)
{
	uint8_t key[KEY_BYTES];
	struct address *e;

	if (l->at_most == 0)
		return true;
	key_of(a, key);
	HASH_FIND(hh, l->all, key, KEY_BYTES, e);
	if (e == NULL)
		e = add(l, key);
	if (e == NULL || e->n >= l->at_most)
		return false;
	e->n++;
	return true;
}

void
address_limit_give(struct address_limit *l, const struct addr *a)
{
	uint8_t key[KEY_BYTES];
	struct address *e;

	if (l->at_most == 0)
		return;
	key_of(a, key);
	HASH_FIND(hh, l->all, key, KEY_BYTES, e);
	CHECK(e != NULL && e->n > 0);
	if (--e->n > 0)
		return;
	HASH_DEL(l->all, e);
	mem_free(e);
}
