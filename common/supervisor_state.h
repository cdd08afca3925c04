/*
 * The master's state, for the files of the supervisor and nobody else:
 *
 *	supervisor.c		phases, signals, beginning and end
 *	supervisor_reload.c	one generation follows the other
 *	supervisor_admin.c	the admin socket, and takeover by another master
 */
#ifndef COMMON_SUPERVISOR_STATE_H
#define COMMON_SUPERVISOR_STATE_H

#include "common/admin.h"
#include "common/generation.h"
#include "common/listeners.h"
#include "common/signals.h"
#include "common/state_page.h"
#include "common/status.h"
#include "common/supervisor.h"
#include "common/takeover.h"

#define LOG_LOOK_MS 2000 /* how often syslog is looked for */
#define LEAVING_MAX 64   /* generations that drain at one time */

enum phase {
	PHASE_STARTING,
	PHASE_RUNNING,
	PHASE_DRAINING,
	PHASE_STOPPING,
};

struct supervisor {
	const struct daemon_desc *daemon;
	const char *config; /* borrowed from the caller of supervisor_run() */
	uv_loop_t loop;
	struct process_home home;
	struct metrics *metrics;
	struct state_page *state;
	struct listeners *listeners;
	struct signals *signals;
	struct admin *admin;          /* owned, NULL: none */
	struct admin *fresh_admin;    /* owned; that of candidate, if another */
	struct takeover_giver *giver; /* owned; another master is starting */
	int former;                   /* connection to the master before us, to
				       * be told when we serve; -1: none */
	struct deadline minute;
	struct deadline log_look; /* set while the log is syslog's */
	uint64_t warned_ms;       /* of what expires; monotonic */
	char executable[4096];
	enum phase phase;
	struct generation *active;               /* owned, or NULL */
	struct generation *candidate;            /* owned, or NULL */
	struct generation *leaving[LEAVING_MAX]; /* owned, oldest first */
	unsigned n_leaving;
	bool reload_again; /* asked for while candidate was starting */
	const char *reload_result;
	char reload_error[1024];
	struct master_counts counts;
	int exit_status;
};

/* supervisor.c */
void supervisor_stop(struct supervisor *s);
void supervisor_drain(struct supervisor *s, bool is_replaced);
void supervisor_add_leaving(struct supervisor *s, struct generation *g);
void supervisor_finish_if_empty(struct supervisor *s);
void supervisor_warn_of_expiry(struct supervisor *s);

/* supervisor_reload.c */

/* Starts a generation from the plan.  False: *error, and nothing is left. */
bool supervisor_begin(struct supervisor *s, struct plan *p, const char **error);
void supervisor_reload(struct supervisor *s);
void supervisor_reload_if_asked_again(struct supervisor *s);
/*
 * The master writes where the active generation does; and looks whether syslog
 * is still there, where that is it.
 */
void supervisor_use_log(struct supervisor *s);

/* supervisor_admin.c */

/* Opens the socket of a new plan beside the present one. */
bool supervisor_open_admin(
    struct supervisor *s, const struct plan *p, const char **error);
/* And changes over to it. */
void supervisor_adopt_admin(struct supervisor *s, const struct plan *p);
/* Socket files stay from here on: they are another master's. */
void supervisor_leave_files(struct supervisor *s);
/* What another master that takes over is given up for. */
void supervisor_stop_giving(struct supervisor *s);
/* Gets the sockets and the state page from the master that runs now. */
bool supervisor_take_over(
    struct supervisor *s, const struct plan *p, const char **error);

#endif
