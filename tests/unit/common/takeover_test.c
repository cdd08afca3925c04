#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/addr.h"
#include "common/check.h"
#include "common/takeover.h"

static void
says_what_each_descriptor_is(void **state)
{
	struct takeover_fds in = { .n = 0 }, out;
	char message[TAKEOVER_MESSAGE_MAX];
	size_t n;

	(void)state;
	takeover_add(&in, 5, TAKEOVER_STATE);
	takeover_add(&in, 6, TAKEOVER_LISTENER);
	takeover_add(&in, 7, TAKEOVER_MANAGERS);
	n = takeover_encode(&in, message);
	assert_int_equal(n, strlen("takeover 1 slm\n"));
	assert_memory_equal(message, "takeover 1 slm\n", n);
	assert_true(takeover_decode((struct slice){ message, n }, &out));
	assert_int_equal(out.n, 3);
	assert_memory_equal(out.kind, in.kind, 3 * sizeof(in.kind[0]));
	for (size_t i = 0; i < n; i++)
		assert_false(
		    takeover_decode((struct slice){ message, i }, &out));
}

static void
refuses_every_other_message(void **state)
{
	static const char *const bad[] = { "", "takeover 1 ", "takeover 1 x\n",
		"takeover 2 l\n", "HTTP/1.1 403 Forbidden\r\n\r\n" };
	static char longest[TAKEOVER_MAX_FDS + 32];
	struct takeover_fds t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(takeover_decode(slice_of(bad[i]), &t));
	memset(longest, 'l', sizeof(longest));
	memcpy(longest, "takeover 1 ", 11);
	longest[11 + TAKEOVER_MAX_FDS] = '\n';
	assert_true(takeover_decode(
	    (struct slice){ longest, 12 + TAKEOVER_MAX_FDS }, &t));
	longest[11 + TAKEOVER_MAX_FDS] = 'l';
	longest[12 + TAKEOVER_MAX_FDS] = '\n';
	assert_false(takeover_decode(
	    (struct slice){ longest, 13 + TAKEOVER_MAX_FDS }, &t));
}

/* As the kernel sees who connects: a process of another user. */
static bool
may_ask_as(uid_t uid)
{
	int fd[2], status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setuid(uid) < 0 ||
		    socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
			_exit(2);
		/* the peer is ourselves: only root is let in by root */
		_exit(takeover_may_ask(fd[0]) ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void
hears_its_own_user(void **state)
{
	(void)state;
	assert_true(may_ask_as(getuid()));
}

static void
does_not_hear_another_user(void **state)
{
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd, status;
	char folder[] = "/tmp/takeover_test.XXXXXX", path[64];
	struct addr a;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	assert_true(addr_parse(slice_of(path), &a));
	assert_int_equal(bind(listener, &a.u.sa, a.len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(chmod(path, 0666), 0);
	pid = fork();
	if (pid == 0) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (setuid(65534) < 0 || connect(fd, &a.u.sa, a.len) < 0)
			_exit(1);
		_exit(0);
	}
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	assert_false(takeover_may_ask(fd));
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	close(fd);
	close(listener);
	unlink(path);
	rmdir(folder);
}

static void
needs_the_path_of_a_unix_socket(void **state)
{
	struct takeover_fds t;
	const char *error = NULL;

	(void)state;
	assert_int_equal(takeover_ask("127.0.0.1:9180", &t, &error), -1);
	assert_non_null(strstr(error, "must be the path of a Unix socket"));
	assert_int_equal(takeover_ask(NULL, &t, &error), -1);
	assert_int_equal(takeover_ask("/tmp/no/such", &t, &error), -1);
	assert_non_null(strstr(error, "nobody to take over from"));
}

/* A daemon that answers this, in a process of its own. */
static pid_t
start_giver(const char *path, struct slice answer)
{
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	struct addr a;
	pid_t pid;

	assert_true(addr_parse(slice_of(path), &a));
	assert_int_equal(bind(listener, &a.u.sa, a.len), 0);
	assert_int_equal(listen(listener, 1), 0);
	pid = fork();
	if (pid == 0) {
		char asked[256];
		int fd = accept(listener, NULL, NULL);

		if (recv(fd, asked, sizeof(asked), 0) <= 0 ||
		    send(fd, answer.p, answer.len, 0) < 0)
			_exit(1);
		_exit(0);
	}
	close(listener);
	return pid;
}

static void
shows_an_answer_without_end_and_nothing_behind_it(void **state)
{
	char folder[] = "/tmp/takeover_test.XXXXXX", path[64];
	char answer[TAKEOVER_MESSAGE_MAX], want[2 * TAKEOVER_MESSAGE_MAX];
	struct takeover_fds t;
	const char *error = NULL;
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	memset(answer, 'x', sizeof(answer));
	pid = start_giver(path, (struct slice){ answer, sizeof(answer) });
	assert_int_equal(takeover_ask(path, &t, &error), -1);
	snprintf(want, sizeof(want), "takeover: %s answers: %.*s", path,
	    (int)sizeof(answer), answer);
	assert_string_equal(error, want);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	unlink(path);
	rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_each_descriptor_is),
		cmocka_unit_test(refuses_every_other_message),
		cmocka_unit_test(hears_its_own_user),
		cmocka_unit_test(does_not_hear_another_user),
		cmocka_unit_test(needs_the_path_of_a_unix_socket),
		cmocka_unit_test(
		    shows_an_answer_without_end_and_nothing_behind_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
