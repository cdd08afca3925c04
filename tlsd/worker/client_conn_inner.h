/*
 * One TLS client, for the files that are its parts: client_conn.c, which alone
 * changes its state, and client_relay.c, which says where RELAY and DRAIN lead.
 */
#ifndef TLSD_WORKER_CLIENT_CONN_INNER_H
#define TLSD_WORKER_CLIENT_CONN_INNER_H

#include <sys/queue.h>

#include "common/watch.h"
#include "tlsd/metrics_table.h"
#include "tlsd/worker/backend.h"
#include "tlsd/worker/client_conn.h"
#include "tlsd/worker/client_state.h"
#include "tlsd/worker/intro.h"
#include "tlsd/worker/relay.h"
#include "tlsd/worker/tls_io.h"
#include "tlsd/worker/worker.h"

/* What a connection needs only until its hands are shaken. */
struct client_shake {
	struct client_conn *client; /* whose it is */
	struct handshake handshake;
	struct sign_op sign;
};

/* Owned by the worker's list. */
struct client_conn {
	struct worker *worker; /* borrowed, outlives us */
	TAILQ_ENTRY(client_conn) entry;
	enum client_state state;
	bool is_expired;       /* the state's deadline has passed */
	bool has_place;        /* taken from the worker's address_limit */
	unsigned client_ready; /* reported by the watches, not yet used */
	unsigned backend_ready;
	unsigned n_handles; /* open or closing */
	struct watch client;
	struct watch backend; /* open from the end of ANNOUNCE on */
	struct tls_io tls;
	struct relay relay;
	struct reach_turn turn;
	struct deadline deadline;
	const struct listen_conf *listen; /* borrowed from the configuration */
	struct intro *intro;        /* owned; NULL: no balancer in front */
	struct client_shake *shake; /* owned; NULL after HANDSHAKE */
	struct addr_ip peer;        /* the client, also behind a balancer */
};

/* How long it may stay as it is. */
uint64_t client_conn_state_ms(const struct client_conn *c);

static inline bool
client_conn_is_half_closed(const struct client_conn *c)
{
	return c->state == CLIENT_RELAY && c->relay.down_way == RELAY_ENDED;
}

static inline void
client_conn_count(const struct client_conn *c, enum tlsd_metric m, uint64_t n)
{
	metrics_add(c->worker->metrics, m, n);
}

/* The state that follows, which may be the same.  Neither closes anything. */
enum client_state client_relay_step(struct client_conn *c);
enum client_state client_relay_drain(struct client_conn *c);

#endif
