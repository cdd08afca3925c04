/*
 * What a child cannot do from here on: a filter on system calls.  Runs at the
 * end of each child's start.  Forbidden calls fail with EPERM instead of
 * ending the process: a library's harmless attempt (a look at a file that may
 * exist) must not take a worker and all its connections along.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/check.h"
#include "common/sandbox.h"

/* What the runtime of a sanitized build needs to end a process. */
static const char *const sanitizer_calls[] = {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	"sigaltstack",
#endif
	NULL,
};

#define CONDITIONS_MAX 3

static bool
fill_condition(scmp_filter_ctx filter, const struct sandbox_only *o, int nr)
{
	struct scmp_arg_cmp is_equal[CONDITIONS_MAX];
	unsigned n = 0;

	for (; o != NULL; o = o->and) {
		CHECK(n < CONDITIONS_MAX);
		is_equal[n++] = (struct scmp_arg_cmp){ .arg = o->argument,
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = o->mask,
			.datum_b = o->value };
	}
	return seccomp_rule_add_array(
		   filter, SCMP_ACT_ALLOW, nr, n, is_equal) == 0;
}

/* TCP Fast Open is a connect() that Landlock does not see. */
static const struct sandbox_only no_fast_open[] = {
	{ .call = "sendto", .argument = 3, .mask = MSG_FASTOPEN, .value = 0 },
	{ .call = "sendmsg", .argument = 2, .mask = MSG_FASTOPEN, .value = 0 },
	{ .call = "sendmmsg", .argument = 3, .mask = MSG_FASTOPEN, .value = 0 },
};

/*
 * What can do more than any child needs is allowed for that alone.  Others
 * would let one that has been broken into type at the terminal of the master
 * (TIOCSTI), send signals to all that run as its user (F_SETOWN, F_SETSIG), or
 * take their limits away.
 */
static const struct narrow {
	const char *call;
	unsigned argument; /* an int: the kernel reads the lower half */
	uint32_t value;
} narrow[] = {
	{ "ioctl", 1, FIONBIO }, { "ioctl", 1, FIOCLEX },
	{ "ioctl", 1, FIONREAD }, { "fcntl", 1, F_GETFD },
	{ "fcntl", 1, F_SETFD }, { "fcntl", 1, F_GETFL },
	{ "fcntl", 1, F_SETFL }, { "fcntl", 1, F_DUPFD_CLOEXEC },
	{ "fcntl", 1, F_SETPIPE_SZ }, { "fcntl", 1, F_GETPIPE_SZ },
	{ "fcntl", 1, F_GET_SEALS }, { "prlimit64", 0, 0 }, /* of the caller */
};

/* NULL: it is allowed as it is. */
static const struct sandbox_only *
condition_of(const struct sandbox_rules *rules, const char *call)
{
	for (size_t i = 0; rules->no_tcp_out && i < ARRAY_LEN(no_fast_open);
	     i++)
		if (strcmp(no_fast_open[i].call, call) == 0)
			return &no_fast_open[i];
	return NULL;
}

static bool
allow_narrow(scmp_filter_ctx filter, const struct narrow *n, int nr)
{
	const struct sandbox_only o = {
		.argument = n->argument, .mask = UINT32_MAX, .value = n->value
	};

	return fill_condition(filter, &o, nr);
}

static bool
allow(scmp_filter_ctx filter, const struct sandbox_rules *rules,
    const char *call, int nr)
{
	/* abort() sends its signal so, to its own process */
	const struct narrow own = { "tgkill", 0, (uint32_t)getpid() };
	bool is_narrow = false;

	if (strcmp(call, own.call) == 0)
		return allow_narrow(filter, &own, nr);
	for (size_t i = 0; i < ARRAY_LEN(narrow); i++) {
		if (strcmp(call, narrow[i].call) != 0)
			continue;
		if (!allow_narrow(filter, &narrow[i], nr))
			return false;
		is_narrow = true;
	}
	return is_narrow ||
	       fill_condition(filter, condition_of(rules, call), nr);
}

static bool
fill(scmp_filter_ctx filter, const struct sandbox_rules *rules,
    const char **error)
{
	for (size_t i = 0; i < rules->n_allow; i++) {
		const char *call = rules->allow[i];
		int nr = seccomp_syscall_resolve_name(call);

		if (nr < 0)
			continue; /* not on this architecture */
		if (!allow(filter, rules, call, nr)) {
			*error = "sandbox: a system call cannot be allowed";
			return false;
		}
	}
	return true;
}

static bool
fill_conditions(scmp_filter_ctx filter, const struct sandbox_rules *rules,
    const char **error)
{
	for (size_t i = 0; i < rules->n_only; i++) {
		int nr = seccomp_syscall_resolve_name(rules->only[i].call);

		if (nr < 0)
			continue;
		if (!fill_condition(filter, &rules->only[i], nr)) {
			*error = "sandbox: a condition cannot be set";
			return false;
		}
	}
	return true;
}

static bool
fill_for_sanitizer(scmp_filter_ctx filter, const char **error)
{
	struct sandbox_rules rules = { .allow = sanitizer_calls,
		.n_allow = ARRAY_LEN(sanitizer_calls) - 1 };

	return fill(filter, &rules, error);
}

/* Landlock; linux/landlock.h of Debian 12 is older than a part of it. */
#define FS_ALL ((1u << 13) - 1)     /* of its first version */
#define FS_READ (1u << 2 | 1u << 3) /* files, lists of folders */
#define NET_BIND_TCP (1u << 0)
#define NET_CONNECT_TCP (1u << 1)
#define SCOPE_ABSTRACT_SOCKET (1u << 0)
#define RULE_FOLDER 1
#define RULE_PORT 2

static void
allow_port(int ruleset, uint16_t number)
{
	const struct {
		uint64_t access;
		uint64_t port;
	} rule = { NET_CONNECT_TCP, number };

	(void)syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0);
}

static void
allow_reading(int ruleset, const char *folder)
{
	struct __attribute__((packed)) {
		uint64_t access;
		int32_t fd;
	} rule = { FS_READ, open(folder, O_PATH | O_CLOEXEC) };

	if (rule.fd < 0)
		return; /* not on this machine */
	(void)syscall(SYS_landlock_add_rule, ruleset, RULE_FOLDER, &rule, 0);
	close(rule.fd);
}

/* As the kernel reads it: the older, the less of it. */
struct handled {
	uint64_t fs;     /* Linux 5.13 */
	uint64_t net;    /* Linux 6.7 */
	uint64_t scoped; /* Linux 6.12 */
};

/*
 * A kernel refuses what it does not know (E2BIG), and nothing is restricted
 * then: so it is asked for less, until it takes the rest.
 */
static int
make_ruleset(const struct handled *h)
{
	static const size_t lengths[] = { sizeof(*h),
		offsetof(struct handled, scoped),
		offsetof(struct handled, net) };
	int fd = -1;

	for (size_t i = 0; fd < 0 && i < ARRAY_LEN(lengths); i++)
		fd =
		    (int)syscall(SYS_landlock_create_ruleset, h, lengths[i], 0);
	return fd;
}

/*
 * As much as the kernel can do; the filter stands without it.  What a rule
 * could not be made for stays forbidden.
 */
static void
restrict_ways_out(const struct sandbox_rules *rules)
{
	const struct handled handled = { rules->n_read_only > 0 ? FS_ALL : 0,
		rules->no_tcp_out ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
		SCOPE_ABSTRACT_SOCKET };
	int fd = make_ruleset(&handled);

	if (fd < 0)
		return;
	for (size_t i = 0; i < rules->n_tcp_ports; i++)
		allow_port(fd, rules->tcp_ports[i]);
	for (size_t i = 0; i < rules->n_read_only; i++)
		allow_reading(fd, rules->read_only[i]);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		(void)syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
}

bool
sandbox_enter(const struct sandbox_rules *rules, const char **error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	bool ok = false;

	restrict_ways_out(rules);
	if (filter == NULL) {
		*error = "sandbox: out of memory";
		return false;
	}
	if (!fill(filter, rules, error) ||
	    !fill_conditions(filter, rules, error) ||
	    !fill_for_sanitizer(filter, error))
		goto out;
	/* every thread, and no way back by a set-uid program */
	if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) < 0 ||
	    seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1) < 0 ||
	    seccomp_load(filter) < 0) {
		*error = "sandbox: the kernel does not take the filter";
		goto out;
	}
	ok = true;
out:
	seccomp_release(filter);
	return ok;
}
