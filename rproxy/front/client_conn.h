/*
 * One client connection, from accept to its last byte, and the front that
 * owns them all.  Who answers the requests is behind struct front_handler:
 * this side knows nothing of sites and servers.
 */
#ifndef RPROXY_FRONT_CLIENT_CONN_H
#define RPROXY_FRONT_CLIENT_CONN_H

#include <sys/queue.h>

#include "common/deadline.h"
#include "common/metrics.h"
#include "common/stream.h"
#include "rproxy/config.h"
#include "rproxy/front/identity.h"
#include "rproxy/http/h1_read.h"

/* A request head and the bytes that its slices point into. */
struct request {
	struct request_head head;
	struct buf bytes;
	/* Of a head that was refused: its first line, for the logs alone.
	 * Valid until on_request() returns. */
	struct slice line;
};

struct client_conn;

struct front_handler {
	/*
	 * A head is complete, or refused (why), or has not come in time.  The
	 * handler may take r's contents by swapping them for empty ones.  It
	 * must call client_conn_finish() or client_conn_abort() in the end,
	 * maybe before it returns.
	 */
	void (*on_request)(
	    struct client_conn *c, struct request *r, enum reason why);
	/* Between on_request and the end: the socket is ready. */
	void (*on_progress)(struct client_conn *c, unsigned events);
	/* Likewise: the deadline that the handler set. */
	void (*on_expire)(struct client_conn *c);
	/* Likewise: the process ends, and so must the exchange. */
	void (*on_cut)(struct client_conn *c);
	/* The connection ends; nothing else is called for it after this. */
	void (*on_gone)(struct client_conn *c);
};

/* One per worker. */
struct front {
	const struct rproxy_config *config; /* borrowed, as are the next four */
	struct stream_home *streams;
	struct deadlines *deadlines;
	struct metrics *metrics;
	const struct front_handler *handler;
	void *ctx; /* the handler's */
	struct h1_limits limits;
	struct request request; /* the head being parsed */
	TAILQ_HEAD(, client_conn) conns;
	TAILQ_HEAD(, client_conn) spare;
	struct tls_params_list tls_params; /* of the connections */
	unsigned n_conns;
	unsigned n_plain; /* of them, from TCP listeners */
	unsigned n_spare;
	uint64_t serial;
	uint64_t short_logged_ms; /* 0: never */
	bool draining;
	void (*on_room)(struct front *f); /* a connection has gone */
	/* tlsd says so, to one worker, and all must hear it */
	void (*on_drain_told)(struct front *f, uint32_t generation);
};

/*
 *	ANNOUNCE -> IDLE <-> HEAD -> EXCHANGE -> IDLE
 *	    |         |        |         |
 *	    +---------+--------+---------+--> LINGER -> CLOSED
 */
enum client_state {
	CLIENT_ANNOUNCE, /* the PROXY header has to come first */
	CLIENT_IDLE,     /* nothing of a request is here */
	CLIENT_HEAD,     /* part of a head is here */
	CLIENT_EXCHANGE, /* the handler has it */
	CLIENT_LINGER,   /* we are done; what still comes is thrown away */
	CLIENT_CLOSED,
};

struct client_conn {
	struct stream stream;
	struct front *front; /* borrowed, outlives us */
	TAILQ_ENTRY(client_conn) entry;
	struct deadline deadline;
	struct identity *identity; /* owned; NULL while ANNOUNCE */
	void *exchange;            /* the handler's, while EXCHANGE */
	struct h1_scan scan;
	uint64_t linger_until_ms; /* at most */
	uint64_t serial;          /* of the connection in this worker */
	unsigned n_requests;
	enum client_state state : 8;
	bool last;      /* no request after this one */
	bool plain;     /* from a TCP listener */
	bool advancing; /* advance() is on the stack */
};

void front_init(struct front *f, const struct rproxy_config *config,
    struct stream_home *streams, struct deadlines *deadlines,
    struct metrics *metrics, const struct front_handler *handler, void *ctx);
/*
 * No room for another one from that kind of listener.  A quarter is kept for
 * clients that tlsd announces: whoever fills the plain port must not stop
 * https.
 */
bool front_is_full(const struct front *f, bool plain);
/* Every connection's next response is its last; idle ones close soon. */
void front_drain(struct front *f);
/* The same, and exchanges under way end at once: the process is about to. */
void front_cut(struct front *f);
/* As front_drain() for what came through this generation of tlsd. */
void front_drain_generation(struct front *f, uint32_t generation);

/*
 * Takes over fd.  who (taken over): who it is; NULL: a PROXY header tells.
 * False: memory is short; fd and who are still the caller's.
 */
bool client_conn_new(struct front *f, int fd, struct identity *who);

/*
 * Everything of the response has been taken by the kernel.  keep: the
 * connection may serve another request.
 */
void client_conn_finish(struct client_conn *c, bool keep);
/* The response cannot be completed, and the client must notice. */
void client_conn_abort(struct client_conn *c);
/*
 * Reads ahead, within bounds, while the handler has no use for more bytes:
 * STREAM_WAIT when the bound is reached.
 */
enum stream_verdict client_conn_read_ahead(struct client_conn *c);
bool client_conn_may_read_ahead(const struct client_conn *c);

static inline uint64_t
front_now_ms(const struct front *f)
{
	return uv_now(f->streams->loop);
}

#endif
