/*
 * A complete set of children made from one plan.  Runs on the master's event
 * loop.
 *
 *	STARTING -> ACTIVE -> LEAVING -> (gone)
 *	    |
 *	    +-> FAILED -> (gone)
 *
 *	STARTING  role by role; the first child that ends makes it FAILED
 *	ACTIVE    each child that ends is started again
 *	LEAVING   the last role drains first: workers need their signer
 */
#ifndef COMMON_GENERATION_H
#define COMMON_GENERATION_H

#include <stdbool.h>

#include "common/log_files.h"
#include "common/metrics.h"
#include "common/plan.h"
#include "common/process.h"

struct generation;

struct generation_events {
	/* Every child is ready: once, at the end of the start. */
	void (*on_complete)(struct generation *g, void *ctx);
	/* It could not start; no child is left.  g may be freed. */
	void (*on_failed)(struct generation *g, const char *why, void *ctx);
	/* It has drained or was stopped; no child is left.  g may be freed. */
	void (*on_gone)(struct generation *g, void *ctx);
	/* ACTIVE, and a child that stands for the files on disk does not
	 * start any more. */
	void (*on_stale)(struct generation *g, void *ctx);
	/* ACTIVE, and a child has ended and will be started again. */
	void (*on_crash)(struct generation *g, const char *role, void *ctx);
	/* A child has something for all others of its role. */
	void (*on_tell)(struct generation *g, const struct process *from,
	    uint64_t value, void *ctx);
};

/*
 * Takes over what plan and logs hold and leaves them empty.  listen_fd is in
 * the plan's order; the descriptors must stay open until the generation
 * leaves.  No child is started yet.
 */
struct generation *
generation_new(const struct process_home *home, struct metrics *metrics,
    unsigned number, struct plan *plan, struct log_files *logs,
    const int *listen_fd, const struct generation_events *events, void *ctx);
/* Only when no child is left. */
void generation_free(struct generation *g);

/* No callback runs before this returns, nor before the next two do. */
void generation_start(struct generation *g);
/* What has not gone drain_ms + 2 s from now is killed. */
void generation_drain(struct generation *g, uint64_t drain_ms);
/* Before that, when no other generation and no other master serves. */
void generation_is_last(struct generation *g);
/* At once. */
void generation_stop(struct generation *g);
/* Tells every child of from's role but from itself (CHILD_TELL). */
void generation_tell(
    struct generation *g, const struct process *from, uint64_t value);
/* Opens the log files anew and hands them on; false: the log says why not. */
bool generation_reopen_logs(struct generation *g);

unsigned generation_number(const struct generation *g);
const struct plan *generation_plan(const struct generation *g);
const struct log_files *generation_logs(const struct generation *g);
/* Every child is ready, now. */
bool generation_is_complete(const struct generation *g);
unsigned generation_n_process(const struct generation *g);
const struct process *
generation_process(const struct generation *g, unsigned i);

#endif
