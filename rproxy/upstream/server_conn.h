/*
 * One connection to a server: being made, used by one exchange at a time, or
 * idle in the pool.
 */
#ifndef RPROXY_UPSTREAM_SERVER_CONN_H
#define RPROXY_UPSTREAM_SERVER_CONN_H

#include <sys/queue.h>

#include "common/deadline.h"
#include "common/reach.h"
#include "common/stream.h"
#include "rproxy/http/reason.h"
#include "rproxy/upstream/reuse.h"

struct server;
struct server_conn;

/* Who uses it; none of these runs before the call that began it returns. */
struct server_user {
	/* The connection stands; or it does not (why), and is gone. */
	void (*on_connected)(struct server_conn *s);
	void (*on_connect_failed)(void *exchange, enum reason why);
	/* BUSY: the socket is ready, or the deadline that the user set. */
	void (*on_progress)(struct server_conn *s, unsigned events);
	void (*on_expire)(struct server_conn *s);
};

/*
 *	CONNECTING --------------> BUSY <-> IDLE	http
 *	WAITING --> ASKING --------^ +-------+--> ENDING	https
 *	   ^-- LOST <-+
 *
 * and from each of them to CLOSED.
 */
enum server_state {
	SERVER_CONNECTING,
	SERVER_WAITING, /* there is no stream */
	SERVER_ASKING,
	SERVER_LOST, /* and none any more */
	SERVER_BUSY,
	SERVER_IDLE,
	SERVER_ENDING,
	SERVER_CLOSED,
};

TAILQ_HEAD(server_conns, server_conn);

struct server_conn {
	struct stream stream;
	struct deadline deadline;
	struct reach_turn turn;         /* WAITING */
	TAILQ_ENTRY(server_conn) entry; /* idle or spare */
	struct server *server;          /* borrowed, outlives us */
	const struct server_user *user; /* of the exchange */
	void *exchange;                 /* borrowed, while in use */
	uint64_t client;                /* whom it is for; 0: anybody */
	struct reuse_limits limits;
	uint64_t idle_since_ms;
	uint64_t idle_ms; /* how long it had been idle when taken */
	bool is_reused;
	bool spoke_first;      /* what it has to read was there before it was
				* taken from the pool, and is no answer */
	unsigned taken_turn;   /* watch_turn() of then */
	bool was_lost;         /* not to be so again */
	unsigned egress_round; /* of the upstream, when it was made */
	enum server_state state;
};

/*
 * Begins a connection for server; to that of its addresses, counted round
 * (http).  NULL: *why, and nothing is left.
 */
struct server_conn *server_conn_new(struct server *server, unsigned address,
    const struct server_user *user, void *exchange, enum reason *why);
/* From the pool's idle list to an exchange, and back. */
void server_conn_use(
    struct server_conn *s, const struct server_user *user, void *exchange);
void server_conn_park(struct server_conn *s);
/* Not used any more; idempotent, nobody is told.  Closed at once, unless it is
 * idle and https: that end is an orderly one and takes a moment. */
void server_conn_drop(struct server_conn *s);
/* True when nothing has arrived, the end included: before a request that
 * must not be sent twice. */
bool server_conn_is_quiet(struct server_conn *s);
/* After the end of the stream: whether it is one that TLS does not vouch for,
 * so that what came may be less than the server has sent. */
bool server_conn_was_cut(const struct server_conn *s);

#endif
