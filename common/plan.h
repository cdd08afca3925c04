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
	/* Gets the listening sockets and the access logs, and may read the
	 * state page. */
	bool serves;
	/* Gets the state page for writing. */
	bool writes_state;
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

/* Something that the operator must renew in time. */
enum plan_expiry_kind {
	PLAN_CERTIFICATE,
	PLAN_CRL, /* a list of revoked certificates */
};

struct plan_expiry {
	enum plan_expiry_kind kind;
	char *name;   /* owned; the site's */
	int64_t at_s; /* since 1970 */
};

/* A server that is probed; how it is, the state page knows. */
struct plan_server {
	char *site; /* owned, as are the next two */
	char *pool;
	char *address; /* host:port */
	uint64_t key;  /* in the state page */
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
	char **watched; /* owned, and each path: see watched_files.h */
	unsigned n_watched;
	struct plan_expiry *expiry; /* owned */
	unsigned n_expiry;
	struct plan_server *server; /* owned */
	unsigned n_server;
	char *log; /* owned */
	enum log_level log_level;
	char *admin; /* owned; NULL: none */
	uint64_t drain_timeout_ms;
	uint64_t keep_ms; /* how long what the state page holds is wanted */
};

void plan_init(struct plan *p, const char *config);
/* Leaves an empty plan behind. */
void plan_fini(struct plan *p);
void plan_add_role(struct plan *p, struct plan_role role);
void
plan_add_listen(struct plan *p, const struct addr *a, uid_t owner, gid_t group);
void plan_add_access_log(struct plan *p, const char *path);
void plan_add_expiry(
    struct plan *p, enum plan_expiry_kind kind, const char *name, int64_t at_s);
/* Copies the texts. */
void plan_add_server(struct plan *p, const struct plan_server *server);
/* Its contents reach the children that serve, now and when it changes. */
void plan_add_watched(struct plan *p, const char *path);
/* More than a master can hand on: too many processes, addresses or files. */
void plan_check(const struct plan *p, struct conf_faults *f);

#endif
