/*
 * The master's life after its configuration has been read: generations of
 * children one after the other, signals, log files, the admin socket.
 *
 * A reload makes a complete new generation beside the old one; only when
 * every child of it is ready does the old one drain.  Whatever fails before
 * that leaves the old one as it was.
 */
#ifndef COMMON_SUPERVISOR_H
#define COMMON_SUPERVISOR_H

#include <stdbool.h>

#include "common/conf.h"
#include "common/metrics.h"
#include "common/plan.h"
#include "common/state_page.h"

/* What a daemon tells the common part about itself; constant. */
struct daemon_desc {
	const char *name;
	const char *default_config;
	const struct metric_def *metrics;
	unsigned n_metrics;
	struct state_desc state;
	/*
	 * Reads the configuration at path (absolute) and everything it
	 * names through b, which the children get.  *out is initialised by
	 * the caller and fit for use when f holds no error.
	 */
	void (*read_plan)(const char *path, struct bundle *b, struct plan *out,
	    struct conf_faults *f);
	/*
	 * "-e URL": writes what would become of it by the configuration at
	 * path; returns the exit status, 1 when f holds an error.  NULL: the
	 * daemon knows nothing of URLs.
	 */
	int (*explain)(
	    const char *path, const char *url, struct conf_faults *f);
};

/*
 * Reads the plan of d and checks it; true when f holds no error.  out must be
 * released with plan_fini() in any case.
 */
bool supervisor_read_plan(const struct daemon_desc *d, const char *path,
    struct plan *out, struct conf_faults *f);

/*
 * Runs until a signal ends it; returns the exit status.  Takes over what
 * first holds.  Not ready with its first generation, it leaves nothing behind
 * and returns 1.  takes_over: the sockets come from the master that runs now,
 * which leaves when the first generation is ready (common/takeover.h).
 */
int supervisor_run(const struct daemon_desc *d, const char *config,
    struct plan *first, bool takes_over);

#endif
