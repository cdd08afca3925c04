/*
 * What the processes of tlsd may still do once they are ready: the real table
 * of each role, tried in a process of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/check.h"
#include "tlsd/signer/signer.h"
#include "tlsd/worker/lock_up.h"
#include "tests/unit/loopback.h"

static pid_t bystander;

static long
open_file(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static long
make_file(void)
{
	return open("/tmp/tlsd-forbidden", O_WRONLY | O_CREAT, 0600);
}

static long
make_folder(void)
{
	return mkdir("/tmp/tlsd-forbidden", 0700);
}

static long
remove_file(void)
{
	return unlink("/tmp/tlsd-forbidden");
}

static long
make_internet_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long
make_datagram_socket(void)
{
	return socket(AF_INET6, SOCK_DGRAM, 0);
}

static long
make_netlink_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0);
}

static long
listen_somewhere(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "x" };

	return bind(0, (struct sockaddr *)&a, sizeof(a));
}

static long
execute(void)
{
	char *argv[] = { "/bin/true", NULL };

	return execve(argv[0], argv, NULL);
}

static long
make_process(void)
{
	return fork();
}

static long
trace_somebody(void)
{
	return ptrace(PTRACE_ATTACH, bystander, NULL, NULL);
}

static long
be_traced(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long
end_somebody(void)
{
	return kill(bystander, SIGKILL);
}

static long
leave_the_root(void)
{
	return chroot(".");
}

static long
become_root(void)
{
	return setuid(0);
}

static long
mount_something(void)
{
	return mount("none", "/mnt", "tmpfs", 0, NULL);
}

static long
make_namespace(void)
{
	return unshare(CLONE_NEWUSER);
}

static long
make_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static const struct {
	const char *name;
	long (*attempt)(void);
} forbidden[] = {
	{ "open a file", open_file },
	{ "make a file", make_file },
	{ "make a folder", make_folder },
	{ "remove a file", remove_file },
	{ "connect out", make_internet_socket },
	{ "send datagrams", make_datagram_socket },
	{ "ask the kernel's network", make_netlink_socket },
	{ "listen", listen_somewhere },
	{ "execute a program", execute },
	{ "make a process", make_process },
	{ "trace a process", trace_somebody },
	{ "let itself be traced", be_traced },
	{ "end a process", end_somebody },
	{ "change its root directory", leave_the_root },
	{ "become root", become_root },
	{ "mount a file system", mount_something },
	{ "make a namespace", make_namespace },
};

/* Exit status of a process that tried: 0 forbidden, 1 it worked. */
static int
status_of(const struct sandbox_rules *rules, long (*attempt)(void))
{
	const char *error;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (!sandbox_enter(rules, &error))
			_exit(2);
		_exit(attempt() == -1 && errno == EPERM ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
assert_forbidden(const struct sandbox_rules *rules, const char *role)
{
	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++)
		if (status_of(rules, forbidden[i].attempt) != 0)
			fail_msg("%s can %s", role, forbidden[i].name);
	assert_int_equal(kill(bystander, 0), 0);
}

/* Of a worker that connects to https servers at this port; 0: to none. */
static const struct sandbox_rules *
worker_rules(uint16_t port, bool has_names)
{
	static struct lock_up_rules made;
	static uint16_t ports[1];
	const struct lock_up_egress e = {
		.port = ports, .n_port = port != 0, .has_names = has_names
	};

	ports[0] = port;
	lock_up_rules(&made, &e);
	return &made.rules;
}

static void
the_worker_reaches_nothing_but_rproxy(void **state)
{
	const struct sandbox_rules *r = worker_rules(0, false);

	(void)state;
	assert_forbidden(r, "worker");
	assert_int_equal(status_of(r, make_unix_socket), 1);
}

static struct sockaddr_in server, other;

static long
connect_to(const struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	long rc = connect(fd, (const struct sockaddr *)a, sizeof(*a));

	if (rc == -1 && errno == EINPROGRESS)
		return 0;
	if (rc == -1 && errno == EACCES)
		errno = EPERM;
	return rc;
}

static long
connect_to_server(void)
{
	return connect_to(&server);
}

static long
connect_to_other(void)
{
	return connect_to(&other);
}

static bool
has_landlock(int version)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= version;
}

static void
a_worker_with_https_servers_reaches_their_ports_by_tcp(void **state)
{
	int fds[] = { listen_on_loopback(&server), listen_on_loopback(&other) };
	const struct sandbox_rules *r =
	    worker_rules(ntohs(server.sin_port), false);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++)
		if (forbidden[i].attempt != make_internet_socket &&
		    status_of(r, forbidden[i].attempt) != 0)
			fail_msg("the worker can %s", forbidden[i].name);
	assert_int_equal(status_of(r, connect_to_server), 1);
	if (has_landlock(4))
		assert_int_equal(status_of(r, connect_to_other), 0);
	close(fds[0]);
	close(fds[1]);
}

static long
open_a_file_elsewhere(void)
{
	long rc = open("/proc/self/status", O_RDONLY);

	if (rc == -1 && errno == EACCES)
		errno = EPERM;
	return rc;
}

static long
append_to_a_file(void)
{
	long rc = open("/etc/passwd", O_WRONLY | O_APPEND);

	if (rc == -1 && errno == EACCES)
		errno = EPERM;
	return rc;
}

static void
a_worker_that_looks_up_names_reads_a_few_folders(void **state)
{
	int fds[] = { listen_on_loopback(&server), listen_on_loopback(&other) };
	const struct sandbox_rules *r =
	    worker_rules(ntohs(server.sin_port), true);

	(void)state;
	assert_int_equal(status_of(r, open_file), 1);
	assert_int_equal(status_of(r, make_datagram_socket), 1);
	assert_int_equal(status_of(r, execute), 0);
	assert_int_equal(status_of(r, make_folder), 0);
	assert_int_equal(status_of(r, connect_to_server), 1);
	if (has_landlock(1)) {
		assert_int_equal(status_of(r, open_a_file_elsewhere), 0);
		assert_int_equal(status_of(r, append_to_a_file), 0);
	}
	if (has_landlock(4))
		assert_int_equal(status_of(r, connect_to_other), 0);
	close(fds[0]);
	close(fds[1]);
}

static struct {
	struct sockaddr_in target;
	int accepted;
} trick;

/* What seccomp cannot see: a client's socket, turned round. */
static long
reuse_a_clients_socket(void)
{
	const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	long rc;

	(void)connect(trick.accepted, &nowhere, sizeof(nowhere));
	rc = connect(trick.accepted, (struct sockaddr *)&trick.target,
	    sizeof(trick.target));
	if (rc == -1 && errno == EACCES)
		errno = EPERM;
	return rc;
}

/* What Landlock cannot see either: sending is connecting. */
static long
fast_open(void)
{
	const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

	(void)connect(trick.accepted, &nowhere, sizeof(nowhere));
	return sendto(trick.accepted, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
	    (struct sockaddr *)&trick.target, sizeof(trick.target));
}

static void
the_worker_cannot_turn_a_clients_socket_round(void **state)
{
	struct sockaddr_in own;
	int ours = listen_on_loopback(&own);
	int theirs = listen_on_loopback(&trick.target);
	int client = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(
	    connect(client, (struct sockaddr *)&own, sizeof(own)), 0);
	trick.accepted = accept(ours, NULL, NULL);
	assert_true(trick.accepted >= 0);
	assert_int_equal(status_of(worker_rules(0, false), fast_open), 0);
	/* the version of Landlock: 4 knows of TCP */
	if (!has_landlock(4))
		skip();
	assert_int_equal(
	    status_of(worker_rules(0, false), reuse_a_clients_socket), 0);
	/* it is no vain attempt: without the sandbox it works */
	assert_int_equal(reuse_a_clients_socket(), 0);
	close(trick.accepted);
	close(client);
	close(ours);
	close(theirs);
}

static void
the_signer_reaches_nothing_at_all(void **state)
{
	(void)state;
	assert_forbidden(&signer_sandbox, "signer");
	assert_int_equal(status_of(&signer_sandbox, make_unix_socket), 0);
}

static int
set_up(void **state)
{
	(void)state;
	bystander = fork();
	if (bystander == 0) {
		pause();
		_exit(0);
	}
	return bystander < 0;
}

static int
tear_down(void **state)
{
	(void)state;
	kill(bystander, SIGKILL);
	return waitpid(bystander, NULL, 0) != bystander;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_worker_reaches_nothing_but_rproxy),
		cmocka_unit_test(
		    a_worker_with_https_servers_reaches_their_ports_by_tcp),
		cmocka_unit_test(
		    a_worker_that_looks_up_names_reads_a_few_folders),
		cmocka_unit_test(the_worker_cannot_turn_a_clients_socket_round),
		cmocka_unit_test(the_signer_reaches_nothing_at_all),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
