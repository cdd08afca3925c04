/*
 * Requests and their answers: what stands between a client_conn and a
 * server_conn.
 */
#ifndef RPROXY_EXCHANGE_H
#define RPROXY_EXCHANGE_H

#include "common/site_names.h"
#include "rproxy/access_log.h"
#include "rproxy/front/client_conn.h"
#include "rproxy/upstream/pool.h"

struct exchange;

/*
 * What all exchanges of a worker share; the front's ctx.  All pointers are
 * borrowed and outlive the exchanges.
 */
struct exchanges {
	struct front *front;
	struct upstream *upstream;
	const struct site_names *names;
	struct access_log *log;
	struct metrics *metrics;
	struct h1_limits response_limits;
	unsigned worker;       /* number of this process, for identifiers */
	uint64_t started_ms;   /* since the epoch, likewise */
	uint64_t wall_base_ms; /* uv_now() and this is the time of day */
	uint64_t wall_set_ms;  /* uv_now() when the base was taken */
	TAILQ_HEAD(, exchange) spare; /* with their arrays */
	unsigned n_spare;
};

void exchanges_init(struct exchanges *e, struct front *front,
    struct upstream *upstream, const struct site_names *names,
    struct access_log *log, struct metrics *metrics, unsigned worker);
void exchanges_fini(struct exchanges *e);

extern const struct front_handler exchange_handler;

#endif
