/*
 * Which server, and on which connection.  Runs in the worker; made at start,
 * lives as long as the process.
 *
 * A server that refuses or does not answer a connect is left alone for
 * POOL_REST_MS; when all of a pool are resting, the one that has rested
 * longest is tried all the same, so that a pool of one server is back as soon
 * as its server is.  A server whose name has several addresses is tried at
 * each of them before it is given up: "localhost" has two, and many a server
 * listens on one; each exchange goes round them by itself, or two at a time
 * would take each other's turns.  What happens on a connection that was idle
 * never counts against its server.  Rules of reuse: upstream/reuse.h; the most
 * recently used connection first, so that stale ones age out.
 */
#include <stdio.h>
#include <string.h>
/* the default hash falls through its cases, which clang warns of */
#define HASH_FUNCTION HASH_FNV
#include <uthash.h>

#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "rproxy/metrics_table.h"
#include "rproxy/upstream/idle.h"
#include "rproxy/upstream/pool.h"

#define MAX_SPARE 256

struct pool {
	const struct pool_conf *conf; /* borrowed; the key */
	struct upstream *home;
	struct server *server;     /* owned, n */
	struct balance_item *turn; /* owned, n */
	unsigned n;
	UT_hash_handle hh;
};

struct upstream {
	struct pool *pools;          /* owned, by conf */
	struct stream_home *streams; /* borrowed, as are the next two */
	struct deadlines *deadlines;
	struct metrics *metrics;
	struct egress egress; /* where there are https servers */
	unsigned egress_round;
	const struct health_page *health; /* borrowed; NULL: none */
	struct deadline refresh;
	TAILQ_HEAD(, server_conn) spare;
	unsigned n_spare;
};

/* start -------------------------------------------------------------------- */

char *
server_authority(const struct server_conf *conf, bool always_port)
{
	char text[512];
	bool is_v6 = strchr(conf->host, ':') != NULL;
	unsigned usual = conf->https ? 443 : 80;
	const char *open = is_v6 ? "[" : "", *shut = is_v6 ? "]" : "";

	if (conf->port == usual && !always_port)
		(void)snprintf(
		    text, sizeof(text), "%s%s%s", open, conf->host, shut);
	else
		(void)snprintf(text, sizeof(text), "%s%s%s:%u", open,
		    conf->host, shut, (unsigned)conf->port);
	return mem_need_strdup(text);
}

/* Where all may use all, one list is enough. */
static void
make_idle_lists(struct server *s)
{
	s->n_idle_lists = s->pool->upstream_share == UPSTREAM_SHARE_CLIENT
			      ? POOL_IDLE_LISTS
			      : 1;
	s->idle = mem_need(s->n_idle_lists * sizeof(*s->idle));
	for (unsigned i = 0; i < s->n_idle_lists; i++)
		TAILQ_INIT(&s->idle[i]);
}

static void
server_init(struct server *s, struct upstream *u, const struct site_conf *site,
    const struct pool_conf *pool, const struct server_conf *conf)
{
	const char *error = NULL;

	s->conf = conf;
	s->pool = pool;
	s->home = u;
	s->label = conf->id != NULL ? mem_need_strdup(conf->id)
				    : server_authority(conf, true);
	s->authority = server_authority(conf, false);
	make_idle_lists(s);
	if (conf->https)
		s->question = egress_question(site, pool, conf);
	else if (!resolve_start(&s->resolve, conf->host, conf->port, &error))
		log_warning("pool %s: server name %s: %s; it is down until "
			    "the name can be resolved",
		    pool->name, conf->host, error);
}

static void
pool_new(struct upstream *u, const struct site_conf *site,
    const struct pool_conf *conf)
{
	struct pool *p = mem_need(sizeof(*p));

	p->conf = conf;
	p->home = u;
	p->n = (unsigned)conf->n_server;
	CHECK(p->n <= POOL_SERVERS_MAX);
	p->server = mem_need(p->n * sizeof(*p->server));
	p->turn = mem_need(p->n * sizeof(*p->turn));
	for (unsigned i = 0; i < p->n; i++) {
		server_init(&p->server[i], u, site, conf, &conf->server[i]);
		p->turn[i].weight = conf->server[i].weight;
		if (conf->health != NULL)
			p->server[i].health_key =
			    health_key(site, conf, &conf->server[i]);
	}
	HASH_ADD_PTR(u->pools, conf, p);
}

static void
on_refresh(struct deadline *d)
{
	struct upstream *u = container_of(d, struct upstream, refresh);

	for (struct pool *p = u->pools; p != NULL; p = p->hh.next)
		for (unsigned i = 0; i < p->n; i++)
			resolve_again(&p->server[i].resolve, u->streams->loop);
	deadline_set(&u->refresh, RESOLVE_EVERY_MS);
}

struct upstream *
upstream_new(const struct site_list *sites, const char *egress,
    struct stream_home *streams, struct deadlines *deadlines,
    struct metrics *metrics)
{
	struct upstream *u = mem_need(sizeof(*u));

	u->streams = streams;
	u->deadlines = deadlines;
	u->metrics = metrics;
	TAILQ_INIT(&u->spare);
	if (egress != NULL)
		egress_init(&u->egress, egress, deadlines, metrics);
	for (size_t i = 0; i < sites->n; i++)
		for (size_t k = 0; k < sites->v[i]->n_pool; k++)
			pool_new(u, sites->v[i], &sites->v[i]->pool[k]);
	deadline_init(&u->refresh, deadlines, on_refresh);
	return u;
}

void
upstream_watch_health(struct upstream *u, const struct health_page *page)
{
	u->health = page;
}

bool
upstream_has_names(const struct upstream *u)
{
	for (struct pool *p = u->pools; p != NULL; p = p->hh.next)
		for (unsigned i = 0; i < p->n; i++)
			if (p->server[i].resolve.is_name)
				return true;
	return false;
}

void
upstream_start(struct upstream *u)
{
	if (upstream_has_names(u))
		deadline_set(&u->refresh, RESOLVE_EVERY_MS);
}

struct pool *
upstream_pool(struct upstream *u, const struct pool_conf *conf)
{
	struct pool *p;

	HASH_FIND_PTR(u->pools, &conf, p);
	return p;
}

/* choice ------------------------------------------------------------------- */

static bool
was_tried(const struct pool_tries *t, unsigned i)
{
	return (t->tried[i / 64] >> (i % 64) & 1) != 0;
}

static bool
has_address(const struct server *s)
{
	return s->conf->https || s->resolve.n_addr > 0;
}

/* Without tlsd no https server is to be had: waiting for it once is enough. */
static bool
is_open(const struct pool *p, const struct pool_tries *t, unsigned i)
{
	const struct server *s = &p->server[i];

	return !was_tried(t, i) && has_address(s) &&
	       !(s->conf->https && t->last == REASON_EGRESS_AWAY);
}

/* All that are left are resting: the one whose rest ends first. */
static int
pick_resting(const struct pool *p, const struct pool_tries *t)
{
	int best = -1;

	for (unsigned i = 0; i < p->n; i++)
		if (is_open(p, t, i) &&
		    (best < 0 || p->server[i].down_until_ms <
				     p->server[best].down_until_ms))
			best = (int)i;
	return best;
}

/* What a server is measured by. */
struct measure {
	uint64_t now_ms;
	bool heeds_probes;
};

static bool
is_usable(const struct pool *p, const struct pool_tries *t, unsigned i,
    const struct measure *m)
{
	const struct server *s = &p->server[i];

	return is_open(p, t, i) && s->down_until_ms <= m->now_ms &&
	       !(m->heeds_probes &&
		   health_is_down(p->home->health, s->health_key));
}

static int
pick_wished(
    const struct pool *p, const struct pool_tries *t, const struct measure *m)
{
	for (unsigned i = 0; i < t->wishes.n; i++) {
		unsigned wish = t->wishes.server[i];

		if (wish < p->n && is_usable(p, t, wish, m))
			return (int)wish;
	}
	return -1;
}

/* Where the client has a connection of its own (upstream_share = client). */
static int
pick_own(
    const struct pool *p, const struct pool_tries *t, const struct measure *m)
{
	if (p->conf->upstream_share != UPSTREAM_SHARE_CLIENT)
		return -1;
	for (unsigned i = 0; i < p->n; i++)
		if (is_usable(p, t, i, m) &&
		    idle_has_own(&p->server[i], t->client))
			return (int)i;
	return -1;
}

static int
pick_usable(struct pool *p, const struct pool_tries *t, const struct measure *m)
{
	int i = pick_wished(p, t, m);

	if (i < 0)
		i = pick_own(p, t, m);
	if (i >= 0)
		return i;
	for (unsigned k = 0; k < p->n; k++)
		p->turn[k].usable = is_usable(p, t, k, m);
	return balance_pick(p->turn, p->n);
}

/*
 * Where the probes of all fail it is the probe that is wrong, as often as not:
 * then each has its turn and its sessions as if there were none.
 */
static int
pick(struct pool *p, const struct pool_tries *t, uint64_t now_ms)
{
	struct measure m = { .now_ms = now_ms, .heeds_probes = true };
	int i = pick_usable(p, t, &m);

	if (i < 0 && p->conf->health != NULL) {
		m.heeds_probes = false;
		i = pick_usable(p, t, &m);
	}
	return i >= 0 ? i : pick_resting(p, t);
}

static enum reason
no_server_reason(const struct pool *p, const struct pool_tries *t)
{
	if (t->last != REASON_OK)
		return t->last;
	for (unsigned i = 0; i < p->n; i++)
		if (has_address(&p->server[i]))
			return REASON_NO_SERVER;
	return REASON_DNS_FAILED;
}

static struct server_conn *
connect_new(struct server *s, struct pool_tries *t,
    const struct server_user *user, void *exchange, enum reason *why)
{
	struct server_conn *c;

	t->n_addr--;
	c = server_conn_new(s, t->address++, user, exchange, why);
	if (c != NULL && s->pool->upstream_share == UPSTREAM_SHARE_CLIENT)
		c->client = t->client;
	return c;
}

/* NULL: there is none left. */
static struct server *
next_server(struct pool *p, struct pool_tries *t)
{
	int i = pick(p, t, uv_now(p->home->streams->loop));

	if (i < 0)
		return NULL;
	t->tried[i / 64] |= UINT64_C(1) << (i % 64);
	t->server = (unsigned)i;
	/* tlsd has the addresses of an https server */
	t->n_addr = p->server[i].conf->https ? 1 : p->server[i].resolve.n_addr;
	t->address = p->server[i].next_addr++;
	return &p->server[i];
}

struct server_conn *
pool_connect(struct pool *p, struct pool_tries *t, enum reuse_need need,
    const struct server_user *user, void *exchange, enum reason *why)
{
	for (;;) {
		struct server *s = &p->server[t->server];
		struct server_conn *c = NULL;

		if (t->n_addr == 0) {
			s = next_server(p, t);
			if (s == NULL) {
				*why = no_server_reason(p, t);
				return NULL;
			}
			c = idle_take(s, need, t->client, user, exchange);
		}
		if (c == NULL)
			c = connect_new(s, t, user, exchange, &t->last);
		if (c != NULL)
			return c;
	}
}

struct server_conn *
pool_connect_again(struct server *s, struct pool_tries *t,
    const struct server_user *user, void *exchange, enum reason *why)
{
	/* the idle one that broke has cost none */
	CHECK(t->n_addr > 0);
	return connect_new(s, t, user, exchange, why);
}

void
upstream_forget(struct upstream *u, uint64_t client)
{
	for (struct pool *p = u->pools; p != NULL; p = p->hh.next)
		for (unsigned i = 0;
		     p->conf->upstream_share == UPSTREAM_SHARE_CLIENT &&
		     i < p->n;
		     i++)
			idle_forget(&p->server[i], client);
}

void
upstream_renew_egress(struct upstream *u)
{
	u->egress_round++;
	for (struct pool *p = u->pools; p != NULL; p = p->hh.next)
		for (unsigned i = 0; i < p->n; i++)
			if (p->server[i].conf->https)
				idle_drop_all(&p->server[i]);
}

/* for server_conn --------------------------------------------------------- */

void
server_failed(struct server *s)
{
	s->down_until_ms = uv_now(s->home->streams->loop) + POOL_REST_MS;
	resolve_again(&s->resolve, s->home->streams->loop);
}

void
server_works(struct server *s)
{
	s->down_until_ms = 0;
}

struct server_conn *
server_conn_take(struct upstream *u)
{
	struct server_conn *s = TAILQ_FIRST(&u->spare);

	if (s == NULL)
		return mem_try(sizeof(*s));
	TAILQ_REMOVE(&u->spare, s, entry);
	u->n_spare--;
	memset(s, 0, sizeof(*s));
	return s;
}

void
server_conn_give(struct upstream *u, struct server_conn *s)
{
	if (u->n_spare >= MAX_SPARE) {
		mem_free(s);
		return;
	}
	TAILQ_INSERT_HEAD(&u->spare, s, entry);
	u->n_spare++;
}

struct egress *
upstream_egress(struct upstream *u)
{
	return &u->egress;
}

unsigned
upstream_egress_round(const struct upstream *u)
{
	return u->egress_round;
}

struct stream_home *
upstream_streams(struct upstream *u)
{
	return u->streams;
}

struct deadlines *
upstream_deadlines(struct upstream *u)
{
	return u->deadlines;
}

struct metrics *
upstream_metrics(struct upstream *u)
{
	return u->metrics;
}
