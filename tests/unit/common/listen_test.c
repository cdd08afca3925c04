#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/listen.h"

static char dir[64];
static struct addr addr;

static int
with_folder(void **state)
{
	char path[96];

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/listen_test.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/s.sock", dir);
	return addr_parse(slice_of(path), &addr) ? 0 : -1;
}

static int
without_folder(void **state)
{
	(void)state;
	unlink(addr.u.un.sun_path);
	return rmdir(dir);
}

static int
open_here(const char **error)
{
	return listen_open(&addr, (uid_t)-1, (gid_t)-1, error);
}

static bool
can_connect(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bool ok = connect(fd, &addr.u.sa, addr.len) == 0;

	close(fd);
	return ok;
}

static void
makes_a_socket_file_for_its_owner_alone(void **state)
{
	const char *error = NULL;
	int fd = open_here(&error);
	struct stat st;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(stat(addr.u.un.sun_path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(can_connect());
	close(fd);
}

static void
gives_the_socket_file_to_the_owner_named(void **state)
{
	const char *error = NULL;
	struct stat st;
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	fd = listen_open(&addr, 65534, (gid_t)-1, &error);
	assert_true(fd >= 0);
	assert_int_equal(stat(addr.u.un.sun_path, &st), 0);
	assert_int_equal(st.st_uid, 65534);
	assert_int_equal(st.st_mode & 0777, 0600);
	close(fd);
}

static void
replaces_a_socket_file_that_nobody_listens_on(void **state)
{
	const char *error = NULL;
	int fd = open_here(&error);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_false(can_connect());
	fd = open_here(&error);
	assert_true(fd >= 0);
	assert_true(can_connect());
	close(fd);
}

static void
refuses_a_socket_file_in_use(void **state)
{
	const char *error = NULL;
	int fd = open_here(&error);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(open_here(&error), -1);
	assert_non_null(strstr(error, "another process listens there"));
	assert_non_null(strstr(error, addr.u.un.sun_path));
	assert_true(can_connect());
	close(fd);
}

static void
refuses_a_file_that_is_no_socket(void **state)
{
	const char *error = NULL;
	FILE *f = fopen(addr.u.un.sun_path, "w");

	(void)state;
	assert_non_null(f);
	fclose(f);
	assert_int_equal(open_here(&error), -1);
	assert_non_null(strstr(error, "is not a socket"));
	assert_int_equal(access(addr.u.un.sun_path, F_OK), 0);
}

static void
says_which_address_is_taken(void **state)
{
	struct addr a, b;
	char text[ADDR_TEXT_MAX];
	const char *error = NULL;
	int fd;

	(void)state;
	assert_true(addr_parse(SLICE("127.0.0.1:0"), &a));
	fd = listen_open(&a, (uid_t)-1, (gid_t)-1, &error);
	assert_true(fd >= 0);
	b.len = sizeof(b.u);
	assert_int_equal(getsockname(fd, &b.u.sa, &b.len), 0);
	assert_int_equal(listen_open(&b, (uid_t)-1, (gid_t)-1, &error), -1);
	assert_non_null(strstr(error, addr_format(&b, text)));
	assert_non_null(strstr(error, strerror(EADDRINUSE)));
	close(fd);
}

static void
listens_on_ipv4_and_ipv6_with_one_port(void **state)
{
	struct addr a, b;
	const char *error = NULL;
	int fd, fd6;

	(void)state;
	assert_true(addr_parse(SLICE("[::]:0"), &a));
	fd6 = listen_open(&a, (uid_t)-1, (gid_t)-1, &error);
	if (fd6 < 0)
		skip(); /* a machine without IPv6 */
	a.len = sizeof(a.u);
	assert_int_equal(getsockname(fd6, &a.u.sa, &a.len), 0);
	assert_true(addr_parse_ip(SLICE("0.0.0.0"), addr_port(&a), &b));
	fd = listen_open(&b, (uid_t)-1, (gid_t)-1, &error);
	assert_true(fd >= 0);
	close(fd);
	close(fd6);
}

/* In a process of its own, whose descriptor 3 is what systemd would give. */
static int
inherit_in_child(void)
{
	char pid_text[24];
	const char *error;
	int fd = open_here(&error);

	if (fd < 0 || dup2(fd, 3) != 3)
		return 1;
	snprintf(pid_text, sizeof(pid_text), "%ld", (long)getpid());
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_PID", pid_text, 1);
	if (listen_inherit() != 1 || !listen_is_inherited(3))
		return 2;
	if (getenv("LISTEN_FDS") != NULL || getenv("LISTEN_PID") != NULL)
		return 3;
	return open_here(&error) == 3 ? 0 : 4;
}

static void
takes_the_inherited_socket_with_that_address(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(inherit_in_child());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A socket and a pipe that the manager kept; runs in a process of its own. */
static int
inherit_kept_in_child(void)
{
	char pid_text[24];
	const char *error;
	int ends[2], fd = open_here(&error);

	if (fd < 0 || pipe(ends) < 0 || dup2(ends[0], 4) != 4 ||
	    dup2(fd, 3) != 3)
		return 1;
	snprintf(pid_text, sizeof(pid_text), "%ld", (long)getpid());
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_PID", pid_text, 1);
	setenv("LISTEN_FDNAMES", "web:page", 1);
	if (listen_inherit() != 1 || !listen_is_inherited(3))
		return 2;
	if (listen_inherited(0) != 3 || listen_inherited(1) != -1)
		return 3;
	if (listen_take_kept("web") != -1 || listen_take_kept("page") != 4)
		return 4;
	return listen_take_kept("page") == -1 ? 0 : 5;
}

static void
tells_what_the_manager_kept_from_sockets(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(inherit_kept_in_child());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
opens_an_adopted_socket_and_drops_one_that_nobody_wants(void **state)
{
	const char *error = NULL;
	int fd = open_here(&error);

	(void)state;
	assert_true(listen_adopt(fd, false));
	assert_int_equal(open_here(&error), fd);
	assert_false(listen_is_inherited(fd));
	assert_true(listen_is_adopted(fd));
	listen_end_adoption();
	assert_false(listen_is_adopted(fd));
	assert_true(can_connect());
	/* it has left the list: its address is simply in use now */
	assert_int_equal(open_here(&error), -1);
	assert_true(listen_adopt(fd, false));
	listen_end_adoption();
	assert_false(can_connect());
	assert_int_equal(access(addr.u.un.sun_path, F_OK), -1);
	assert_false(listen_adopt(STDERR_FILENO, false));
}

static void
takes_nothing_that_was_meant_for_another_process(void **state)
{
	(void)state;
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_PID", "1", 1);
	assert_int_equal(listen_inherit(), 0);
	assert_null(getenv("LISTEN_FDS"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, with_folder, without_folder)
	const struct CMUnitTest tests[] = {
		T(makes_a_socket_file_for_its_owner_alone),
		T(gives_the_socket_file_to_the_owner_named),
		T(replaces_a_socket_file_that_nobody_listens_on),
		T(refuses_a_socket_file_in_use),
		T(refuses_a_file_that_is_no_socket),
		T(says_which_address_is_taken),
		T(listens_on_ipv4_and_ipv6_with_one_port),
		T(takes_the_inherited_socket_with_that_address),
		T(tells_what_the_manager_kept_from_sockets),
		T(opens_an_adopted_socket_and_drops_one_that_nobody_wants),
		T(takes_nothing_that_was_meant_for_another_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
