/*
 * The way to https servers: tlsd connects, speaks TLS and holds the keys; we
 * ask it for one of the servers in its configuration (common/egress_wire.h).
 */
#ifndef RPROXY_UPSTREAM_EGRESS_H
#define RPROXY_UPSTREAM_EGRESS_H

#include "common/egress_wire.h"
#include "common/reach.h"
#include "common/site_conf.h"
#include "common/stream.h"
#include "rproxy/http/reason.h"

/* Waited beyond connect_timeout: tlsd keeps to that, too, and can say what took
 * so long. */
#define EGRESS_MARGIN_MS 500

/* One per worker. */
struct egress {
	struct reach reach;
	const char *path; /* for the log; borrowed from the configuration */
	bool is_away;     /* an episode, from a failure to a success */
	uint64_t away_since_ms;
};

/* path: of tlsd's socket; aborts when it is none. */
void egress_init(struct egress *e, const char *path,
    struct deadlines *deadlines, struct metrics *metrics);

/*
 * The question for one server, as it goes over the wire; owned by the caller,
 * to be freed with mem_free().  At start; aborts on failure.
 */
struct slice egress_question(const struct site_conf *site,
    const struct pool_conf *pool, const struct server_conf *server);

enum egress_verdict {
	EGRESS_WAIT,   /* the answer is not there, or not all of it */
	EGRESS_OPEN,   /* from here on the stream is that of the server */
	EGRESS_FAILED, /* why, text */
	EGRESS_LOST,   /* tlsd closed without an answer: no server was asked */
};

struct egress_answer {
	enum reason why;
	bool is_draining;               /* EGRESS_OPEN: for one exchange */
	char text[EGRESS_TEXT_MAX + 1]; /* for the log; with EGRESS_OPEN the
					 * version and the cipher */
};

/*
 * Reads what there is of the answer, and no byte of the server's: it lies in
 * the socket as if we had connected ourselves.
 */
enum egress_verdict egress_read(struct stream *s, struct egress_answer *out);

#endif
