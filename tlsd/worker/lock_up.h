/*
 * The last step of a worker's start: what it cannot do from here on.  Runs in
 * the worker.
 */
#ifndef TLSD_WORKER_LOCK_UP_H
#define TLSD_WORKER_LOCK_UP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/resolve.h"
#include "common/sandbox.h"
#include "common/socket_rules.h"
#include "tlsd/config.h"

/* What connections to https servers take; all zero: there are none. */
struct lock_up_egress {
	const uint16_t *port; /* borrowed; may be repeated */
	size_t n_port;
	bool has_names; /* that are looked up now and then */
};

#define LOCK_UP_MAX_CALLS (64 + RESOLVE_MAX_CALLS)

/* The rules of a sandbox, and the memory that they point into. */
struct lock_up_rules {
	struct sandbox_rules rules;
	const char *allow[LOCK_UP_MAX_CALLS];
	struct sandbox_only only[SOCKET_RULES_MAX];
};

/* What a worker may do once it is ready; e stays borrowed. */
void lock_up_rules(struct lock_up_rules *out, const struct lock_up_egress *e);

/*
 * Gives up root, the file system and system calls; ends the process where that
 * fails.  Returns the path of rproxy's socket as it is from here on, pointing
 * into config.
 */
const char *
lock_up(const struct tlsd_config *config, const struct lock_up_egress *e);

#endif
