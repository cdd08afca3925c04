/*
 * Counters and gauges of all processes of a daemon in one shared page:
 * a row of slots per process, written by that process alone (relaxed
 * atomics, no contention), added up by the master for /metrics.
 */
#ifndef COMMON_METRICS_H
#define COMMON_METRICS_H

#include <stdint.h>

enum metric_kind {
	METRIC_COUNTER,
	METRIC_GAUGE,
};

struct metric_def {
	const char *name;   /* Prometheus name, "_total" for counters */
	const char *labels; /* "version=\"TLSv1.3\"" or NULL */
	const char *help;   /* NULL: same family as the one before */
	enum metric_kind kind;
};

#define METRICS_SLOTS 256 /* processes at one time, of all generations */

struct metrics;

/* Master: makes the shared memory for a table of n_defs.  Aborts on error. */
struct metrics *metrics_new(const struct metric_def *defs, unsigned n_defs);
int metrics_fd(const struct metrics *m); /* to be passed on, stays ours */
/* Child: maps it; fd is closed. */
struct metrics *metrics_open(
    const struct metric_def *defs, unsigned n_defs, int fd, unsigned slot);
/* Master: a free slot for a new child, -1 when all are taken. */
int metrics_take_slot(struct metrics *m);
/* Master: the child is gone; its counters are kept, its gauges dropped. */
void metrics_give_slot(struct metrics *m, unsigned slot);

/* The row of this process (the master has one); index is the place in defs. */
void metrics_add(struct metrics *m, unsigned index, uint64_t n);
void metrics_sub(struct metrics *m, unsigned index, uint64_t n); /* gauges */
void metrics_set(struct metrics *m, unsigned index, uint64_t n); /* gauges */
uint64_t metrics_sum(const struct metrics *m, unsigned index);

/*
 * Prometheus text of everything; caller frees with mem_free().  NULL: memory
 * is short.
 */
char *metrics_text(const struct metrics *m);

#endif
