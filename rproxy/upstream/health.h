/*
 * Which servers answer their health probes: written by the prober alone, read
 * by all workers, in memory that outlives generations (common/state_page.h).
 */
#ifndef RPROXY_UPSTREAM_HEALTH_H
#define RPROXY_UPSTREAM_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/site_conf.h"
#include "common/state_page.h"

struct health_page; /* zeros: nothing is known, everybody is up */

extern const struct state_desc health_state; /* one struct health_page */

/* What is probed: the same server, path and host name is one thing. */
uint64_t health_key(const struct site_conf *site, const struct pool_conf *pool,
    const struct server_conf *server);

/* Worker; page NULL, or nothing known of key: false. */
bool health_is_down(const struct health_page *page, uint64_t key);

/* Prober: forgets whoever is not among these. */
void health_keep(struct health_page *page, const uint64_t *keys, size_t n);
/* Prober: false when there is no room for another server. */
bool health_set(struct health_page *page, uint64_t key, bool down);

/*
 * Probes in a row decide.  Zero it first, then set down to what is known from
 * before; true when down has changed.
 */
struct health_count {
	unsigned good;
	unsigned bad;
	bool down;
};

#define HEALTH_FALL 2 /* bad ones until a server is down */
#define HEALTH_RISE 2 /* good ones until it is up */

bool health_count(struct health_count *c, bool good);

enum health_verdict {
	HEALTH_MORE,
	HEALTH_GOOD, /* 200 to 399 */
	HEALTH_BAD,
};

/* The beginning of a response; status when there is one, else 0. */
enum health_verdict health_read(struct slice bytes, unsigned *status);

#endif
