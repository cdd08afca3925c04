/*
 * The servers behind the routes and their idle connections: all pools of one
 * worker.  Each worker has its own; nothing is shared between processes.
 */
#ifndef RPROXY_UPSTREAM_POOL_H
#define RPROXY_UPSTREAM_POOL_H

#include "common/metrics.h"
#include "common/resolve.h"
#include "common/site_conf.h"
#include "rproxy/upstream/balance.h"
#include "rproxy/upstream/egress.h"
#include "rproxy/upstream/health.h"
#include "rproxy/upstream/server_conn.h"
#include "rproxy/upstream/sticky.h"

#define POOL_MAX_IDLE 512   /* connections of one server, if for anybody */
#define POOL_IDLE_LISTS 256 /* of one server, if each client has its own */
#define POOL_REST_MS 5000   /* a server that failed is left alone so long */

struct upstream;

struct server {
	const struct server_conf *conf; /* borrowed, as are the next two */
	const struct pool_conf *pool;
	struct upstream *home;
	char *label;     /* owned: its id, or "host:port"; for logs only */
	char *authority; /* owned: for Host; without the default port */
	struct resolve resolve; /* http */
	struct slice question;  /* https; owned: upstream/egress.h */
	uint64_t health_key;    /* upstream/health.h; 0: no probes */
	unsigned next_addr;     /* where the next exchange begins */
	bool has_said_1_0;      /* in a response */
	bool has_said_1_1;
	uint64_t down_until_ms; /* uv_now(); 0: it has not failed */
	/* owned; most recently used first; upstream/idle.h says which list */
	struct server_conns *idle;
	unsigned n_idle_lists;
	unsigned n_idle;
};

struct pool;

/* "host:port"; without the port where it is the usual one, unless always_port.
 * Owned by the caller.  Aborts on failure. */
char *server_authority(const struct server_conf *conf, bool always_port);

/*
 * Resolves all names: to be called before the sandbox.  Aborts on failure.
 * egress: path of tlsd's socket, NULL when there is no https server; outlives
 * the upstream.
 */
struct upstream *upstream_new(const struct site_list *sites, const char *egress,
    struct stream_home *streams, struct deadlines *deadlines,
    struct metrics *metrics);
/* Servers that the prober finds down are left alone while there are others.
 * NULL: there is no prober.  The page outlives the upstream. */
void upstream_watch_health(struct upstream *u, const struct health_page *page);
/* Whether a server has a name that has to be asked for again. */
bool upstream_has_names(const struct upstream *u);
/* Begins to ask again every minute. */
void upstream_start(struct upstream *u);

struct pool *upstream_pool(struct upstream *u, const struct pool_conf *conf);

/* The servers that one exchange wants and has tried; zero it first. */
struct pool_tries {
	struct sticky_wishes wishes;
	uint64_t tried[POOL_SERVERS_MAX / 64];
	unsigned server;  /* tried last */
	unsigned n_addr;  /* of that one, not tried yet */
	unsigned address; /* of those the next, in turn */
	enum reason last; /* why the last one failed */
	uint64_t client;  /* number of the client's connection, 1.. */
};

/*
 * A connection to the next address of the server tried last, or to the server
 * whose turn it is among those not yet tried: BUSY when an idle one was good
 * enough, else CONNECTING.  NULL: *why, there is no server left.
 */
struct server_conn *
pool_connect(struct pool *p, struct pool_tries *t, enum reuse_need need,
    const struct server_user *user, void *exchange, enum reason *why);
/* A fresh connection to the same server again.  NULL: *why. */
struct server_conn *pool_connect_again(struct server *s, struct pool_tries *t,
    const struct server_user *user, void *exchange, enum reason *why);

/* For server_conn: bookkeeping of what belongs to the server. */
void server_failed(struct server *s);
void server_works(struct server *s);
struct server_conn *server_conn_take(struct upstream *u);
void server_conn_give(struct upstream *u, struct server_conn *s);

/* This client's connection has ended: nobody else may use what was its own. */
void upstream_forget(struct upstream *u, uint64_t client);

/*
 * A generation of tlsd drains: its connections to https servers are not used
 * again once they are idle.  Nobody knows which ones are its: all are renewed.
 */
void upstream_renew_egress(struct upstream *u);

struct egress *upstream_egress(struct upstream *u);
/* Grows with each upstream_renew_egress(). */
unsigned upstream_egress_round(const struct upstream *u);
struct stream_home *upstream_streams(struct upstream *u);
struct deadlines *upstream_deadlines(struct upstream *u);
struct metrics *upstream_metrics(struct upstream *u);

#endif
