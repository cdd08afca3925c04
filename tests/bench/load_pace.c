/*
 * The clock of the open loop.  Pure: due times are computed, not stored.
 */
#include "tests/bench/load_pace.h"

static uint64_t
due_ns(const struct load_pace *p, uint64_t n)
{
	return p->begun_ns + (uint64_t)((double)n * 1e9 / p->rate_per_s);
}

void
load_pace_init(struct load_pace *p, double rate_per_s, uint64_t begun_ns)
{
	*p = (struct load_pace){ .rate_per_s = rate_per_s,
		.begun_ns = begun_ns };
}

uint64_t
load_pace_tick(struct load_pace *p, uint64_t now_ns)
{
	while (due_ns(p, p->n_due) <= now_ns)
		p->n_due++;
	return due_ns(p, p->n_due);
}

bool
load_pace_take(struct load_pace *p, uint64_t *due)
{
	if (p->n_taken == p->n_due)
		return false;
	*due = due_ns(p, p->n_taken++);
	return true;
}

size_t
load_pace_waiting(const struct load_pace *p)
{
	return (size_t)(p->n_due - p->n_taken);
}
