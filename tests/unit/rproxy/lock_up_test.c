/*
 * Where a child of rproxy can connect once it is locked up.  The sandbox
 * cannot be left: each case runs in a process of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/check.h"
#include "rproxy/lock_up.h"
#include "tests/unit/loopback.h"

#define LANDLOCK_WITH_TCP 4

/* the last three: what the address sanitizer does at a process's end */
static const char *const calls[] = { "connect", "sendto", "close", "exit_group",
	"exit", "sigaltstack", "mmap", "munmap" };

static struct sockaddr_in http_server, https_server, other;

static bool
has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >=
	       LANDLOCK_WITH_TCP;
}

/* errno of in_sandbox(a), or 0 */
static int
result_of(int (*in_sandbox)(const struct sockaddr_in *a),
    const struct sockaddr_in *a, bool has_names)
{
	struct server_conf servers[] = {
		{ .host = "127.0.0.1", .port = ntohs(http_server.sin_port) },
		{ .https = true,
		    .host = "127.0.0.1",
		    .port = ntohs(https_server.sin_port) },
	};
	struct pool_conf pool = { .server = servers, .n_server = 2 };
	struct site_conf site = { .pool = &pool, .n_pool = 1 }, *sites = &site;
	const struct rproxy_config c = { .sites = { &sites, 1 } };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		lock_up(&c, calls, ARRAY_LEN(calls), has_names);
		_exit(in_sandbox(a));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
try_connect(const struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0 ? 0
									: errno;
}

static int
try_fast_open(const struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return sendto(fd, "x", 1, MSG_FASTOPEN, (const struct sockaddr *)a,
		   sizeof(*a)) >= 0
		   ? 0
		   : errno;
}

static void
reaches_http_servers_and_nothing_else_by_tcp(void **state)
{
	(void)state;
	if (!has_landlock())
		skip();
	assert_int_equal(result_of(try_connect, &http_server, false), 0);
	/* that is tlsd's affair */
	assert_int_equal(result_of(try_connect, &https_server, false), EACCES);
	assert_int_equal(result_of(try_connect, &other, false), EACCES);
}

static void
asks_name_servers_where_there_are_names(void **state)
{
	struct sockaddr_in dns = http_server;

	(void)state;
	if (!has_landlock())
		skip();
	dns.sin_port = htons(53);
	assert_int_equal(result_of(try_connect, &dns, false), EACCES);
	assert_int_not_equal(result_of(try_connect, &dns, true), EACCES);
	assert_int_equal(result_of(try_connect, &other, true), EACCES);
}

static void
does_not_connect_by_sending(void **state)
{
	(void)state;
	assert_int_equal(result_of(try_fast_open, &http_server, false), EPERM);
	assert_int_equal(result_of(try_fast_open, &other, true), EPERM);
}

static int
try_datagrams(const struct sockaddr_in *a)
{
	(void)a;
	return socket(AF_INET, SOCK_DGRAM, 0) >= 0 ? 0 : errno;
}

static int
try_packets(const struct sockaddr_in *a)
{
	(void)a;
	return socket(AF_PACKET, SOCK_RAW, 0) >= 0 ? 0 : errno;
}

/* The kernel's rules about TCP do not hold for it. */
static int
try_mptcp(const struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);

	if (fd < 0)
		return errno;
	return connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0 ? 0
									: errno;
}

static void
makes_no_sockets_but_those_it_needs(void **state)
{
	(void)state;
	assert_int_equal(result_of(try_datagrams, &other, false), EPERM);
	assert_int_equal(result_of(try_datagrams, &other, true), 0);
	assert_int_equal(result_of(try_packets, &other, true), EPERM);
	assert_int_equal(result_of(try_mptcp, &other, false), EPERM);
	assert_int_equal(result_of(try_mptcp, &other, true), EPERM);
}

static int
try_read(const struct sockaddr_in *a)
{
	(void)a;
	return open("/etc/passwd", O_RDONLY) >= 0 ? 0 : errno;
}

static int
try_read_elsewhere(const struct sockaddr_in *a)
{
	(void)a;
	return open("/tmp", O_RDONLY) >= 0 ? 0 : errno;
}

static int
try_write(const struct sockaddr_in *a)
{
	(void)a;
	return open("/tmp/lock-up-test", O_WRONLY | O_CREAT, 0600) >= 0 ? 0
									: errno;
}

static void
reads_only_what_names_are_looked_up_in(void **state)
{
	(void)state;
	if (!has_landlock())
		skip();
	assert_int_equal(result_of(try_read, &other, false), EPERM);
	assert_int_equal(result_of(try_read, &other, true), 0);
	assert_int_equal(result_of(try_read_elsewhere, &other, true), EACCES);
	assert_int_equal(result_of(try_write, &other, true), EACCES);
}

static int
set_up(void **state)
{
	(void)state;
	(void)listen_on_loopback(&http_server);
	(void)listen_on_loopback(&https_server);
	(void)listen_on_loopback(&other);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reaches_http_servers_and_nothing_else_by_tcp),
		cmocka_unit_test(asks_name_servers_where_there_are_names),
		cmocka_unit_test(does_not_connect_by_sending),
		cmocka_unit_test(makes_no_sockets_but_those_it_needs),
		cmocka_unit_test(reads_only_what_names_are_looked_up_in),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
