/*
 * The last step of a child's start: what it cannot do from here on.  The only
 * user of libseccomp.  Each role has its list of system calls as a table at
 * the top of its file; what any process with a loop (common/watch.h) takes is
 * named here.
 */
#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* And the clock. */
#define SANDBOX_LOOP                                                           \
	"epoll_wait", "epoll_pwait", "epoll_ctl", "poll", "clock_gettime",     \
	    "restart_syscall"
/* futex: what malloc and OpenSSL lock, the threads that look up names. */
#define SANDBOX_MEMORY                                                         \
	"brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "futex"
/* Also by abort(). */
#define SANDBOX_END                                                            \
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",       \
	    "gettid", "tgkill", "exit", "exit_group"

/*
 * A system call by name, allowed without conditions, but for fcntl, ioctl,
 * prlimit64 and tgkill: of these what reaches no other process.  A name that
 * this machine's architecture does not have is skipped.  Everything else fails
 * with EPERM.
 */
struct sandbox_rules {
	const char *const *allow;
	size_t n_allow;
	const struct sandbox_only *only; /* none: NULL */
	size_t n_only;
	/*
	 * No TCP connection out but to these ports, where the kernel has
	 * Landlock for that (Linux 6.7 and later): connect() cannot be told
	 * apart by what it connects to, and a socket that was accepted can be
	 * connected anew.  Nor TCP Fast Open, which is a connect() by sending:
	 * sendto() and the like are allowed without that flag.
	 */
	bool no_tcp_out;
	const uint16_t *tcp_ports; /* may be repeated */
	size_t n_tcp_ports;
	/*
	 * Folders in which files may be read, when any is named: then nothing
	 * else of the file system can be opened or changed (Landlock, Linux
	 * 5.13 and later).  One that is not there is skipped.
	 */
	const char *const *read_only;
	size_t n_read_only;
};

/* One that is allowed when these bits of an argument (from 0) are so. */
struct sandbox_only {
	const char *call;
	unsigned argument;
	uint64_t mask;
	uint64_t value;
	/* and these bits of another argument, too; NULL: no more conditions */
	const struct sandbox_only *and;
};

/*
 * Sets no_new_privs and installs the filter.  From Linux 6.12 on Unix sockets
 * without a file (abstract) are out of reach, too, which no root directory
 * keeps away.  False: *error is a constant text.
 */
bool sandbox_enter(const struct sandbox_rules *rules, const char **error);

#endif
