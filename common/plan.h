/*
 * What a generation is made of, as far as the master must know it: the roles
 * and how many of each, the addresses, the log files, and the sealed bundle
 * that its children read the rest from.  A daemon makes it out of its
 * configuration; nothing in it changes afterwards.
 */
#ifndef COMMON_PLAN_H
#define COMMON_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/addr.h"
#include "common/conf.h"
#include "common/log.h"

#define PLAN_MAX_ROLES 4

/* The children of a role start when all of the role before it are ready. */
struct plan_role {
	const char *name; /* constant, shorter than 16 bytes */
	unsigned count;
	/* Gets the listening sockets and the access logs. */
	bool serves;
	/* Each has a SOCK_SEQPACKET channel to the very first child, which
	 * gets all the other ends, in order. */
	bool has_channel_to_first;
	/* One that cannot be started again wants the files read anew. */
	bool reload_when_failing;
};

struct plan_listen {
	struct addr addr;
	uid_t owner; /* of a socket file; (uid_t)-1: us */
	gid_t group;
};

struct plan {
	char *config;  /* owned; absolute path of the ini file */
	int bundle_fd; /* owned; -1: none */
	struct plan_role role[PLAN_MAX_ROLES];
	unsigned n_role;
	struct plan_listen *listen; /* owned */
	unsigned n_listen;
	char **access_log; /* owned, and each path */
	unsigned n_access_log;
	char *log; /* owned */
	enum log_level log_level;
	char *admin; /* owned; NULL: none */
	uint64_t drain_timeout_ms;
};

void plan_init(struct plan *p, const char *config);
/* Leaves an empty plan behind. */
void plan_fini(struct plan *p);
void plan_add_role(struct plan *p, struct plan_role role);
void
plan_add_listen(struct plan *p, const struct addr *a, uid_t owner, gid_t group);
void plan_add_access_log(struct plan *p, const char *path);
/* More than a master can hand on: too many processes, addresses or files. */
void plan_check(const struct plan *p, struct conf_faults *f);

#endif
