#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/check.h"
#include "common/mem.h"

static void
memory_comes_zeroed(void **state)
{
	static const char zero[4096];
	char *p;

	(void)state;
	for (int i = 0; i < 20; i++) {
		p = mem_need(sizeof(zero));
		assert_memory_equal(p, zero, sizeof(zero));
		memset(p, 'x', sizeof(zero));
		mem_free(p);
		p = mem_try(sizeof(zero));
		assert_memory_equal(p, zero, sizeof(zero));
		memset(p, 'x', sizeof(zero));
		mem_free(p);
	}
	p = mem_try(0);
	assert_non_null(p);
	mem_free(p);
	mem_free(NULL);
}

static void
a_grown_array_keeps_its_head_and_has_a_zeroed_tail(void **state)
{
	char *p = NULL;

	(void)state;
	p = mem_need_grow(p, 0, 4);
	assert_memory_equal(p, "\0\0\0\0", 4);
	memcpy(p, "abcd", 4);
	p = mem_need_grow(p, 4, 8);
	assert_memory_equal(p, "abcd\0\0\0\0", 8);
	mem_free(p);
}

static void
strings_are_terminated(void **state)
{
	char *a = mem_need_strdup("abc");
	char *b = mem_need_strndup("abcdef", 2);
	char *c = mem_need_strndup(NULL, 0);

	(void)state;
	assert_string_equal(a, "abc");
	assert_string_equal(b, "ab");
	assert_string_equal(c, "");
	mem_free(a);
	mem_free(b);
	mem_free(c);
}

static void
wiping_overwrites_the_bytes_named(void **state)
{
	char secret[] = "secret";

	(void)state;
	mem_wipe(secret, 3);
	assert_memory_equal(secret, "\0\0\0ret", 7);
	mem_wipe(NULL, 0);
}

/* What the child writes to standard error, and how it ended. */
static int
end_of_child(void (*run)(void), char *said, size_t room)
{
	int status, fd[2];
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	if (pid == 0) {
		struct rlimit none = { 0 };

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		dup2(fd[1], STDERR_FILENO);
		run();
		_exit(99);
	}
	close(fd[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	n = read(fd[0], said, room - 1);
	said[n < 0 ? 0 : n] = '\0';
	close(fd[0]);
	return status;
}

static void
fail_a_check(void)
{
	CHECK(1 + 1 == 2);
	CHECK(1 + 1 == 3);
}

static void
a_failed_check_says_where_and_aborts(void **state)
{
	char said[256];
	int status = end_of_child(fail_a_check, said, sizeof(said));

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(said, "tests/unit/common/mem_test.c:"));
	assert_non_null(strstr(said, ": CHECK failed: 1 + 1 == 3\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_comes_zeroed),
		cmocka_unit_test(
		    a_grown_array_keeps_its_head_and_has_a_zeroed_tail),
		cmocka_unit_test(strings_are_terminated),
		cmocka_unit_test(wiping_overwrites_the_bytes_named),
		cmocka_unit_test(a_failed_check_says_where_and_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
