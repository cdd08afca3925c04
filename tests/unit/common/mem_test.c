#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

static size_t
resident_bytes(void)
{
	unsigned long size, resident;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &size, &resident), 2);
	fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void
a_crowd_has_gone_when_a_quarter_is_left(void **state)
{
	struct mem_crowd c = { 0 };

	(void)state;
	for (unsigned n = MEM_CROWD_MIN - 1; n > 0; n--)
		assert_false(mem_crowd_has_gone(&c, n));
	for (unsigned n = 2000; n > 500; n--)
		assert_false(mem_crowd_has_gone(&c, n));
	assert_true(mem_crowd_has_gone(&c, 500));
	mem_give_back(&c, 500);
	assert_false(mem_crowd_has_gone(&c, 499));
	assert_true(mem_crowd_has_gone(&c, 125));
}

static void
what_a_crowd_has_left_behind_goes_back_to_the_kernel(void **state)
{
	enum {
		N = 4000,
		BYTES = 8000
	};
	static void *piece[N];
	struct mem_crowd c = { 0 };
	size_t full;

	(void)state;
	for (int i = 0; i < N; i++)
		memset(piece[i] = mem_need(BYTES), 1, BYTES);
	full = resident_bytes();
	/* the last piece stays: malloc cannot shrink its heap by itself */
	for (int i = 0; i < N - 1; i++)
		mem_free(piece[i]);
	assert_true(resident_bytes() > full / 2);
	mem_give_back(&c, 0);
	assert_true(resident_bytes() < full / 2);
	mem_free(piece[N - 1]);
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
		cmocka_unit_test(a_crowd_has_gone_when_a_quarter_is_left),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		cmocka_unit_test(
		    what_a_crowd_has_left_behind_goes_back_to_the_kernel),
#endif
		cmocka_unit_test(a_failed_check_says_where_and_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
