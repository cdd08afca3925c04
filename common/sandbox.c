/*
 * What a child cannot do from here on: a filter on system calls.  Runs at the
 * end of each child's start.  Forbidden calls fail with EPERM instead of
 * ending the process: a library's harmless attempt (a look at a file that may
 * exist) must not take a worker and all its connections along.
 */
#include <errno.h>
#include <seccomp.h>
#include <sys/prctl.h>
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

static bool
fill(scmp_filter_ctx filter, const struct sandbox_rules *rules,
    const char **error)
{
	for (size_t i = 0; i < rules->n_allow; i++) {
		int nr = seccomp_syscall_resolve_name(rules->allow[i]);

		if (nr < 0)
			continue; /* not on this architecture */
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 0) < 0) {
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
		const struct sandbox_only *o = &rules->only[i];
		int nr = seccomp_syscall_resolve_name(o->call);
		struct scmp_arg_cmp is_equal = { .arg = o->argument,
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = o->mask,
			.datum_b = o->value };

		if (nr < 0)
			continue;
		if (seccomp_rule_add_array(
			filter, SCMP_ACT_ALLOW, nr, 1, &is_equal) < 0) {
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

/* linux/landlock.h of Debian 12 is older than this part of it. */
#define LANDLOCK_NET_BIND_TCP (1u << 0)
#define LANDLOCK_NET_CONNECT_TCP (1u << 1)

/* As much as the kernel can do; the filter stands without it. */
static void
deny_tcp(void)
{
	const struct {
		uint64_t fs;
		uint64_t net;
	} handled = { 0, LANDLOCK_NET_BIND_TCP | LANDLOCK_NET_CONNECT_TCP };
	int fd = (int)syscall(
	    SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);

	if (fd < 0)
		return;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		(void)syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
}

bool
sandbox_enter(const struct sandbox_rules *rules, const char **error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	bool ok = false;

	if (rules->no_tcp_out)
		deny_tcp();
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
