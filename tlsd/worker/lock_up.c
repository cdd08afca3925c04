/*
 * What a worker cannot do once it is ready.  Runs in the worker.
 *
 *	                      files           connections
 *	no https server       none, chroot    to rproxy
 *	by address            none, chroot    and TCP to the servers' ports
 *	by name               read-only       and to name servers
 *
 * In the chroot is the folder of rproxy's socket and nothing else.  A name is
 * looked up by the C library, which reads /etc/resolv.conf and what else it is
 * told to: a worker that does so keeps the root directory, where it can read
 * what its user can in a few folders and change nothing.
 */
#include "tlsd/worker/lock_up.h"

#include <libgen.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "common/child.h"
#include "common/mem.h"
#include "common/privdrop.h"

static const char *const allowed[] = {
	SANDBOX_LOOP,
	"ppoll",
	"gettimeofday",
	/* clients, rproxy, the signer, the master, the log */
	"accept4",
	"connect",
	"sendto",
	"sendmsg",
	"recvfrom",
	"recvmsg",
	"read",
	"write",
	"writev",
	"shutdown",
	"close",
	"getsockname",
	"setsockopt",
	"getsockopt",
	"fcntl",
	"ioctl",
	/* a bundle of files that have changed */
	"fstat",
	"newfstatat",
	SANDBOX_MEMORY,
	/* OpenSSL: random numbers, has this process forked? */
	"getrandom",
	"getpid",
	/* OpenSSL, and between handshakes */
	"sched_yield",
	SANDBOX_END,
};

/* Beside rproxy, which is a path. */
static enum socket_need
need_of(const struct lock_up_egress *e)
{
	if (e->has_names)
		return SOCKET_NEED_NAMES;
	return e->n_port > 0 ? SOCKET_NEED_TCP : SOCKET_NEED_UNIX;
}

void
lock_up_rules(struct lock_up_rules *out, const struct lock_up_egress *e)
{
	_Static_assert(
	    ARRAY_LEN(allowed) + RESOLVE_MAX_CALLS <= LOCK_UP_MAX_CALLS,
	    "no room for all system calls");

	memset(out, 0, sizeof(*out));
	memcpy(out->allow, allowed, sizeof(allowed));
	out->rules = (struct sandbox_rules){ .allow = out->allow,
		.n_allow = ARRAY_LEN(allowed),
		.only = out->only,
		.no_tcp_out = true,
		.tcp_ports = e->port,
		.n_tcp_ports = e->n_port };
	out->rules.n_only = socket_rules(need_of(e), out->only);
	if (e->has_names) {
		out->rules.n_allow +=
		    resolve_calls(&out->allow[out->rules.n_allow]);
		out->rules.n_read_only = resolve_folders(&out->rules.read_only);
	}
}

const char *
lock_up(const struct tlsd_config *config, const struct lock_up_egress *e)
{
	char *folder = mem_need_strdup(config->backend);
	bool is_small = geteuid() == 0 && !e->has_names;
	struct privdrop drop = { .user = config->user,
		.chroot = is_small ? dirname(folder) : NULL };
	struct lock_up_rules r;
	const char *error;

	lock_up_rules(&r, e);
	if (!privdrop(&drop, &error) || !sandbox_enter(&r.rules, &error))
		child_fail("%s", error);
	mem_free(folder);
	return is_small ? strrchr(config->backend, '/') : config->backend;
}
