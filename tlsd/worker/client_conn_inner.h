/*
 * One TLS client, for the files that are its parts: client_conn.c, which alone
 * changes its state, and client_relay.c, which says where RELAY and DRAIN lead.
 */
#ifndef TLSD_WORKER_CLIENT_CONN_INNER_H
#define TLSD_WORKER_CLIENT_CONN_INNER_H

#include <sys/queue.h>

#include "tlsd/worker/backend.h"
#include "tlsd/worker/client_conn.h"
#include "tlsd/worker/client_state.h"
#include "tlsd/worker/conn_pair.h"
#include "tlsd/worker/intro.h"
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
	struct conn_pair pair; /* plain: open from the end of ANNOUNCE on */
	TAILQ_ENTRY(client_conn) entry;
	enum client_state state;
	bool has_place; /* taken from the worker's address_limit */
	struct tls_io tls;
	struct reach_turn turn;
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
	return c->state == CLIENT_RELAY &&
	       c->pair.relay.down_way == RELAY_ENDED;
}

/* The state that follows, which may be the same.  Neither closes anything. */
enum client_state client_relay_step(struct client_conn *c);
enum client_state client_relay_drain(struct client_conn *c);

#endif
