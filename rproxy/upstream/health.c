/*
 * Server states in shared memory, and what a probe makes of an answer.  In
 * rproxy's prober, which has the memory for writing, and in the workers, which
 * cannot write it.
 *
 * A table with open addressing: a server is found by a hash of its name in one
 * of a few places, so a worker needs neither a lock nor the prober's numbering,
 * and a new generation with other servers finds those that it still has.
 */
#include "rproxy/upstream/health.h"

#include <stdatomic.h>
#include <stdio.h>

#include "common/check.h"
#include "common/siphash.h"

#define SLOTS 2048
#define PLACES 16 /* where a key may be, from its own on */

struct slot {
	_Atomic uint64_t key; /* 0: free */
	_Atomic uint32_t down;
};

struct health_page {
	struct slot slot[SLOTS];
};

static bool is_up(const void *page, uint64_t key);

const struct state_desc health_state = {
	.version = 1,
	.len_bytes = sizeof(struct health_page),
	.is_up = is_up,
};

uint64_t
health_key(const struct site_conf *site, const struct pool_conf *pool,
    const struct server_conf *server)
{
	const struct siphash_key key = { { 1, 2 } };
	char text[1024];
	int n = snprintf(text, sizeof(text), "%s:%u%s %s", server->host,
	    (unsigned)server->port, pool->health, site->name);
	uint64_t hash;

	CHECK(n > 0);
	hash = siphash(&key, slice_of(text));
	return hash != 0 ? hash : 1;
}

static const struct slot *
find(const struct health_page *page, uint64_t key)
{
	for (unsigned i = 0; i < PLACES; i++) {
		const struct slot *s = &page->slot[(key + i) % SLOTS];

		if (atomic_load_explicit(&s->key, memory_order_acquire) == key)
			return s;
	}
	return NULL;
}

bool
health_is_down(const struct health_page *page, uint64_t key)
{
	const struct slot *s;

	if (page == NULL || key == 0)
		return false;
	s = find(page, key);
	return s != NULL &&
	       atomic_load_explicit(&s->down, memory_order_relaxed) != 0;
}

static bool
is_up(const void *page, uint64_t key)
{
	return !health_is_down(page, key);
}

static bool
is_among(const uint64_t *keys, size_t n, uint64_t key)
{
	for (size_t i = 0; i < n; i++)
		if (keys[i] == key)
			return true;
	return false;
}

void
health_keep(struct health_page *page, const uint64_t *keys, size_t n)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *s = &page->slot[i];

		if (!is_among(keys, n, atomic_load(&s->key)))
			atomic_store(&s->key, 0);
	}
}

bool
health_set(struct health_page *page, uint64_t key, bool down)
{
	struct slot *s = NULL;

	for (unsigned i = 0; i < PLACES; i++) {
		struct slot *one = &page->slot[(key + i) % SLOTS];
		uint64_t other = atomic_load(&one->key);

		if (other == key || (other == 0 && s == NULL))
			s = one;
		if (other == key)
			break;
	}
	if (s == NULL)
		return false;
	atomic_store_explicit(&s->down, down, memory_order_relaxed);
	atomic_store_explicit(&s->key, key, memory_order_release);
	return true;
}

bool
health_count(struct health_count *c, bool good)
{
	bool before = c->down;

	c->good = good ? c->good + 1 : 0;
	c->bad = good ? 0 : c->bad + 1;
	if (c->bad >= HEALTH_FALL)
		c->down = true;
	if (c->good >= HEALTH_RISE)
		c->down = false;
	return c->down != before;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

enum health_verdict
health_read(struct slice bytes, unsigned *status)
{
	const struct slice begin = SLICE("HTTP/1.");
	const char *p = bytes.p;

	*status = 0;
	if (!slice_starts_with(bytes, slice_first(begin, bytes.len)))
		return HEALTH_BAD;
	if (bytes.len < 12)
		return HEALTH_MORE;
	if (!is_digit(p[7]) || p[8] != ' ' || !is_digit(p[9]) ||
	    !is_digit(p[10]) || !is_digit(p[11]))
		return HEALTH_BAD;
	*status = (unsigned)(p[9] - '0') * 100 + (unsigned)(p[10] - '0') * 10 +
		  (unsigned)(p[11] - '0');
	return *status >= 200 && *status <= 399 ? HEALTH_GOOD : HEALTH_BAD;
}
