/*
 * What the master says about itself on its admin socket: /healthz, /metrics
 * and, as JSON, /status.  Pure.
 */
#ifndef COMMON_STATUS_H
#define COMMON_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/admin.h"
#include "common/generation.h"
#include "common/state_page.h"

/* What only the master knows; shown as metrics. */
struct master_restarts {
	const char *role; /* constant; NULL: unused */
	uint64_t n;
};

struct master_counts {
	uint64_t reloads_ok;
	uint64_t reloads_failed;
	struct master_restarts restarts[PLAN_MAX_ROLES];
};

struct status {
	const char *daemon;
	const char *version;
	int pid;
	uint64_t now_ms;  /* monotonic */
	bool is_complete; /* running, and every child is ready */
	const struct metrics *metrics;
	const struct state_page *state; /* asked for the plan's servers */
	const struct master_counts *counts;
	const char *reload_result;           /* "none", "ok", "failed" */
	const char *reload_error;            /* "" when there is none */
	const struct generation *active;     /* NULL: none yet */
	const struct generation *const *all; /* the leaving ones too */
	unsigned n_all;
};

/* Fills *out for a path such as "/healthz"; 404 names those there are. */
void status_answer(
    const struct status *s, struct slice path, struct admin_answer *out);

#endif
