/*
 * One child as its master sees it: a place (role and number) that a process
 * fills, dies in and is started in again.  Runs on the master's event loop.
 *
 *	VACANT -> STARTING -> READY -> DRAINING -> VACANT
 *	             |          |                    ^
 *	             +----------+--------------------+  it ended
 *
 *	VACANT    no process; perhaps a time is set for the next start
 *	STARTING  has its inheritance, has not said that it is ready
 *	DRAINING  was told to finish, or to stop
 */
#ifndef COMMON_PROCESS_H
#define COMMON_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/child.h"
#include "common/deadline.h"
#include "common/watch.h"

enum process_state {
	PROCESS_VACANT,
	PROCESS_STARTING,
	PROCESS_READY,
	PROCESS_DRAINING,
};

/* What all the places of a master share; outlives them. */
struct process_home {
	uv_loop_t *loop;
	struct deadlines *wheel;
	const char *executable; /* absolute path */
	const char *daemon;     /* "tlsd" */
	int state_fd;           /* for children that serve */
	int state_writer_fd;    /* for those that write it */
};

struct process;

struct process_events {
	void (*on_ready)(struct process *p);
	/* The process is gone; p->ending says how.  p may be started again. */
	void (*on_end)(struct process *p);
	/* The time set by process_restart_later() has come. */
	void (*on_restart)(struct process *p);
	/* Its channel to the first child is broken: child_ask_peer(). */
	void (*on_peer_broken)(struct process *p);
	/* It has something for the others of its role: child_tell(). */
	void (*on_tell)(struct process *p, uint64_t value);
};

struct process {
	const struct process_home *home; /* borrowed */
	const struct process_events *events;
	void *owner; /* borrowed */
	const char *role;
	unsigned index;
	enum process_state state;
	int pid;
	int slot;                /* row of the metrics, -1: none */
	bool has_channel;        /* to the first child */
	int channel_fd;          /* owned: its end of the channel to the first
				  * child, until it is started; -1: none */
	bool has_failed;         /* it said so itself: child_fail() */
	char ending[600];        /* "ended by signal 9", or what it said */
	uint64_t started_ms;     /* monotonic */
	unsigned restarts;       /* in all */
	unsigned crashes_in_row; /* without a life of 10 s in between */
	unsigned delay_ms;       /* before the next start */
	uv_process_t handle;
	struct watch control;
	unsigned n_open;    /* of the two above */
	unsigned n_reports; /* since then */
	uint64_t reports_since_ms;
	struct deadline deadline;
};

void process_init(struct process *p, const struct process_home *home,
    const struct process_events *events, void *owner);
/* Only when VACANT. */
void process_fini(struct process *p);

/*
 * Starts a process with this inheritance; the descriptors stay the caller's.
 * What goes wrong is reported by on_end, later.
 */
void process_start(struct process *p, const struct inheritance *in);
/* As if it had been started and had failed, with this reason. */
void process_fail_start(struct process *p, const char *why);
/*
 * After on_end: waits 100 ms, twice as long when it has lived for less than a
 * second, at most 10 s.
 */
void process_restart_later(struct process *p);
/* Sends an order; the descriptor (-1: none) stays the caller's.  A process
 * that takes no orders is killed. */
void process_order(
    struct process *p, enum child_message what, uint64_t value, int fd);
/* READY: finish within drain_ms; STARTING: ended; VACANT: not started. */
void process_drain(struct process *p, uint64_t drain_ms);
/* Leave now; killed when it has not gone after a second. */
void process_stop(struct process *p);
void process_kill(struct process *p);

bool process_is_running(const struct process *p);
const char *process_state_name(enum process_state state);

#endif
