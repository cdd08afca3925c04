/*
 * Requests at a fixed rate (open loop): each has a due time, whether or not
 * a connection is free then; its latency counts from the due time, so a proxy
 * that stalls does not slow the clock that judges it.
 */
#ifndef TESTS_BENCH_LOAD_PACE_H
#define TESTS_BENCH_LOAD_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load_pace {
	double rate_per_s;
	uint64_t begun_ns;
	uint64_t n_due;   /* requests whose time has come */
	uint64_t n_taken; /* of these, given to a connection */
};

void load_pace_init(struct load_pace *p, double rate_per_s, uint64_t begun_ns);

/* Notes which requests are due; the time of the next one. */
uint64_t load_pace_tick(struct load_pace *p, uint64_t now_ns);

/* The oldest request that is due: false when none is. */
bool load_pace_take(struct load_pace *p, uint64_t *due_ns);

/* Due and not yet taken. */
size_t load_pace_waiting(const struct load_pace *p);

#endif
