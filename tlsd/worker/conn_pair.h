/*
 * Two connections and the relay between them: the secure one speaks TLS, with
 * a client or with an https server, and the plain one is rproxy's.  Runs in
 * the worker, as a part of a client_conn or of an egress_conn.
 *
 * What is reported is noted here; what follows from it is for the owner's
 * states to say, which also open and close the one or the other.
 */
#ifndef TLSD_WORKER_CONN_PAIR_H
#define TLSD_WORKER_CONN_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/deadline.h"
#include "common/metrics.h"
#include "common/watch.h"
#include "tlsd/metrics_table.h"
#include "tlsd/worker/relay.h"
#include "tlsd/worker/signer_client.h"
#include "tlsd/worker/worker.h"

struct conn_pair;

/* Both run from the loop, never before a call below returns. */
struct conn_pair_owner {
	/* readiness or the deadline was noted, or one of the two has gone */
	void (*on_event)(struct conn_pair *p);
	/* neither is left: the owner frees what p is a part of */
	void (*on_gone)(struct conn_pair *p);
};

struct conn_pair {
	struct worker *worker;               /* borrowed, outlives us */
	const struct conn_pair_owner *owner; /* constant */
	bool is_expired;       /* the deadline has passed; the owner clears */
	unsigned secure_ready; /* reported, not yet used; the owner clears */
	unsigned plain_ready;
	unsigned n_handles; /* open or closing */
	struct watch secure;
	struct watch plain;
	struct relay relay; /* the owner's to begin */
	struct deadline deadline;
};

/* p is all zero. */
void conn_pair_init(
    struct conn_pair *p, struct worker *w, const struct conn_pair_owner *owner);

/*
 * Each takes over fd (non-blocking, close-on-exec, ours alone) when that one is
 * neither open nor closing.  False: fd is still the caller's.
 */
bool conn_pair_open_secure(struct conn_pair *p, int fd);
bool conn_pair_open_plain(struct conn_pair *p, int fd);
/* Each closes at once; harmless when it is not open.  An event follows. */
void conn_pair_close_secure(struct conn_pair *p);
void conn_pair_close_plain(struct conn_pair *p);
/*
 * The end of both, the secure one first if both are open, and of all that p
 * has.  Once.  on_gone follows.
 */
void conn_pair_close(struct conn_pair *p);

/* relay_run() with what has been reported. */
enum relay_verdict
conn_pair_run(struct conn_pair *p, struct relay_moved *moved);
/* Both wait for what the relay wants. */
void conn_pair_want(struct conn_pair *p);

static inline void
conn_pair_count(const struct conn_pair *p, enum tlsd_metric m, uint64_t n)
{
	metrics_add(p->worker->metrics, m, n);
}
/* The signer has answered op. */
void
conn_pair_count_signature(const struct conn_pair *p, const struct sign_op *op);

#endif
