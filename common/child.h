/*
 * A child's side of its life: what it inherits from the master and how the
 * two talk.  The supervisor (common/supervisor.h) is the other side.
 *
 * A child is the same binary, executed anew with argv[0] "tlsd: worker"; on
 * descriptor CHILD_CONTROL_FD it has a SOCK_SEQPACKET socket to the master.
 * The first message carries struct inheritance and its descriptors: all that
 * is inherited.  When the master goes, the socket ends and so does the child.
 *
 *	child_receive -> (open, drop privileges, sandbox) -> child_ready
 *	              -> loop, with child_attach or child_next
 */
#ifndef COMMON_CHILD_H
#define COMMON_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/bundle.h"
#include "common/conf.h"
#include "common/log.h"

#define CHILD_CONTROL_FD 3
#define CHILD_MAX_LISTEN 64
#define CHILD_MAX_PEERS 64
#define CHILD_MAX_LOGS 64

struct inheritance {
	char role[16];       /* "signer", "worker" */
	unsigned index;      /* number among those of its role, from 0 */
	unsigned count;      /* how many there are of its role */
	unsigned generation; /* from 1 */
	unsigned slot;       /* its row of the metrics */
	enum log_level log_level;
	enum log_kind log_kind;
	char config[4096]; /* the daemon's ini file, absolute */
	/* descriptors: owned by the child, close-on-exec, -1: none */
	int bundle_fd;
	int metrics_fd;
	int log_fd;
	int state_fd;                    /* common/state_page.h; -1 where it
					  * is not needed */
	int listen_fd[CHILD_MAX_LISTEN]; /* in the order of the addresses in
					  * the configuration */
	unsigned n_listen;
	int peer_fd[CHILD_MAX_PEERS]; /* SOCK_SEQPACKET, blocking, to
				       * other children; the daemon says
				       * what for */
	unsigned n_peer;
	int access_log_fd[CHILD_MAX_LOGS]; /* in the daemon's order */
	unsigned n_access_log;
};

/* True when this process was started as a child; *role from argv[0]. */
bool child_is_child(int argc, char **argv, const char **role);

/*
 * Waits for the inheritance; ends the process when the master is gone.
 * Closes every descriptor above CHILD_CONTROL_FD that is not inherited, sets
 * up the error log (which owns log_fd from then on) and ignores the signals
 * that are the master's business, and SIGPIPE.  Standard input is /dev/null.
 */
void child_receive(struct inheritance *in);

/* What the configuration is read from, once; never NULL, the caller's. */
struct bundle *child_take_bundle(const struct inheritance *in);
/*
 * The configuration has been read, and the master found it good before: fails
 * with the first error if there is one all the same.  Frees f.
 */
void child_check_config(struct conf_faults *f);

/* Start-up is done: tells the master. */
void child_ready(void);
/*
 * Something that every process of this role must hear, whatever generation it
 * belongs to: the others get it as CHILD_TELL.  False: the master's queue is
 * full.
 */
bool child_tell(uint64_t value);
/*
 * Our channel to the first child is broken though that one lives: the master
 * makes another (CHILD_PEER).
 */
void child_ask_peer(void);
/* Start-up failed: tells the master why, then exits with 1. */
_Noreturn void
child_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

enum child_message {
	CHILD_NOTHING,    /* nothing there (child_next only) */
	CHILD_DRAIN,      /* finish what is open; value: at most so many ms */
	CHILD_PEER,       /* fd replaces peer_fd[value] */
	CHILD_LOG,        /* fd replaces the error log */
	CHILD_ACCESS_LOG, /* fd replaces access_log_fd[value] */
	CHILD_FILES,      /* fd: bundle of the files that have changed */
	CHILD_TELL,       /* another of this role said so: child_tell() */
	CHILD_LAST,       /* before CHILD_DRAIN: nobody takes over */
	CHILD_STOP,       /* leave now */
};

struct child_order {
	enum child_message what;
	uint64_t value;
	int fd; /* owned by the receiver; -1: none */
};

/*
 * Event loop: on_order runs for each message from the master, never before
 * this returns; it keeps the loop alive.  The master's death ends the process
 * with _exit(0).  CHILD_LOG is handled inside.
 */
void child_attach(uv_loop_t *loop,
    void (*on_order)(const struct child_order *o, void *ctx), void *ctx);
/*
 * Without a loop: one message, never waits.  Poll CHILD_CONTROL_FD.  Death
 * and CHILD_LOG as above.
 */
struct child_order child_next(void);

#endif
