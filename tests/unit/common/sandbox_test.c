#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/sandbox.h"

/* the last three: what the address sanitizer does at a process's end */
static const char *const allowed[] = { "write", "exit_group", "exit",
	"a_call_that_no_machine_has", "sigaltstack", "mmap", "munmap" };
static const struct sandbox_rules rules = { .allow = allowed,
	.n_allow = ARRAY_LEN(allowed) };

/* The sandbox cannot be left: each case runs in a process of its own. */
static int
result_of(int (*in_sandbox)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		const char *error;

		if (!sandbox_enter(&rules, &error))
			_exit(100);
		_exit(in_sandbox());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
try_open(void)
{
	return open("/dev/null", O_RDONLY) < 0 ? errno : 0;
}

static int
try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int
try_exec(void)
{
	char *argv[] = { NULL };

	execv("/bin/true", argv);
	return errno;
}

static int
try_write(void)
{
	return write(STDERR_FILENO, "", 0) == 0 ? 0 : errno;
}

static void
refuses_what_is_not_on_the_list(void **state)
{
	(void)state;
	assert_int_equal(result_of(try_open), EPERM);
	assert_int_equal(result_of(try_socket), EPERM);
	assert_int_equal(result_of(try_exec), EPERM);
}

static void
lets_pass_what_is_on_the_list(void **state)
{
	(void)state;
	assert_int_equal(result_of(try_write), 0);
}

/* errno of what a child does to its parent, or 0 */
static int
result_of_reaching_out(int (*in_sandbox)(void))
{
	static const char *const calls[] = { "tgkill", "fcntl", "ioctl",
		"prlimit64", "getpid", "gettid", "getppid", "exit_group",
		"sigaltstack", "mmap", "munmap" };
	static const struct sandbox_rules wide = { .allow = calls,
		.n_allow = ARRAY_LEN(calls) };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		const char *error;

		if (!sandbox_enter(&wide, &error))
			_exit(100);
		_exit(in_sandbox());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Signal 0 only asks whether one could be sent. */
static int
try_signal_to_parent(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0 ? 0 : errno;
}

static int
try_signal_to_self(void)
{
	return syscall(SYS_tgkill, getpid(), gettid(), 0) == 0 ? 0 : errno;
}

static int
try_owner(void)
{
	return fcntl(STDERR_FILENO, F_SETOWN, getppid()) == 0 ? 0 : errno;
}

static int
try_terminal(void)
{
	return ioctl(STDERR_FILENO, TIOCSTI, "x") == 0 ? 0 : errno;
}

static int
try_limits_of_parent(void)
{
	struct rlimit now;

	return prlimit(getppid(), RLIMIT_CPU, NULL, &now) == 0 ? 0 : errno;
}

static int
try_own_limits(void)
{
	struct rlimit now;

	return prlimit(0, RLIMIT_CPU, NULL, &now) == 0 ? 0 : errno;
}

static int
try_own_descriptor(void)
{
	return fcntl(STDERR_FILENO, F_GETFL) >= 0 ? 0 : errno;
}

static void
does_nothing_to_other_processes(void **state)
{
	(void)state;
	assert_int_equal(result_of_reaching_out(try_signal_to_parent), EPERM);
	assert_int_equal(result_of_reaching_out(try_owner), EPERM);
	assert_int_equal(result_of_reaching_out(try_terminal), EPERM);
	assert_int_equal(result_of_reaching_out(try_limits_of_parent), EPERM);
}

static void
may_do_the_same_to_itself(void **state)
{
	(void)state;
	assert_int_equal(result_of_reaching_out(try_signal_to_self), 0);
	assert_int_equal(result_of_reaching_out(try_own_limits), 0);
	assert_int_equal(result_of_reaching_out(try_own_descriptor), 0);
}

static void
gives_up_new_privileges(void **state)
{
	static const char *const calls[] = { "prctl", "exit_group",
		"sigaltstack", "mmap", "munmap" };
	static const struct sandbox_rules with_prctl = { .allow = calls,
		.n_allow = ARRAY_LEN(calls) };
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		const char *error;

		if (!sandbox_enter(&with_prctl, &error))
			_exit(100);
		_exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

/* Of an abstract name: the first byte of it is none. */
static const struct sockaddr_un abstract = { .sun_family = AF_UNIX,
	.sun_path = "\0sandbox-test" };

static int
try_abstract(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return connect(fd, (const struct sockaddr *)&abstract,
		   sizeof(abstract)) == 0
		   ? 0
		   : errno;
}

static void
does_not_reach_sockets_without_a_file(void **state)
{
	static const char *const calls[] = { "socket", "connect", "exit_group",
		"sigaltstack", "mmap", "munmap" };
	static const struct sandbox_rules client = { .allow = calls,
		.n_allow = ARRAY_LEN(calls) };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status;
	pid_t pid;

	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 6)
		skip();
	assert_int_equal(
	    bind(fd, (const struct sockaddr *)&abstract, sizeof(abstract)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(try_abstract(), 0);
	pid = fork();
	if (pid == 0) {
		const char *error;

		if (!sandbox_enter(&client, &error))
			_exit(100);
		_exit(try_abstract());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EPERM);
	close(fd);
}

/* A kernel before 6.7: it knows of no more than files. */
static void
be_an_old_kernel(void)
{
	const struct scmp_arg_cmp larger = {
		.arg = 1, .op = SCMP_CMP_GT, .datum_a = sizeof(uint64_t)
	};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (filter == NULL ||
	    seccomp_rule_add(filter, SCMP_ACT_ERRNO(E2BIG),
		SCMP_SYS(landlock_create_ruleset), 1, larger) != 0 ||
	    seccomp_load(filter) != 0)
		_exit(101);
	seccomp_release(filter);
}

/* errno of opening path, or 0, where only /usr may be read */
static int
result_of_opening(const char *path, bool is_old)
{
	static const char *const calls[] = { "openat", "exit_group",
		"sigaltstack", "mmap", "munmap" };
	static const char *const readable[] = { "/usr" };
	static const uint16_t port = 53;
	static const struct sandbox_rules reader = { .allow = calls,
		.n_allow = ARRAY_LEN(calls),
		.no_tcp_out = true,
		.tcp_ports = &port,
		.n_tcp_ports = 1,
		.read_only = readable,
		.n_read_only = ARRAY_LEN(readable) };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		const char *error;

		if (is_old)
			be_an_old_kernel();
		if (!sandbox_enter(&reader, &error))
			_exit(100);
		_exit(open(path, O_RDONLY) < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
keeps_files_shut_where_the_kernel_cannot_tell_ports(void **state)
{
	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1)
		skip();
	assert_int_equal(result_of_opening("/etc/passwd", false), EACCES);
	assert_int_equal(result_of_opening("/etc/passwd", true), EACCES);
	assert_int_equal(result_of_opening("/usr", true), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_not_on_the_list),
		cmocka_unit_test(lets_pass_what_is_on_the_list),
		cmocka_unit_test(does_nothing_to_other_processes),
		cmocka_unit_test(may_do_the_same_to_itself),
		cmocka_unit_test(gives_up_new_privileges),
		cmocka_unit_test(does_not_reach_sockets_without_a_file),
		cmocka_unit_test(
		    keeps_files_shut_where_the_kernel_cannot_tell_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
