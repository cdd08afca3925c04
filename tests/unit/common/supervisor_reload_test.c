/*
 * How one generation of children follows another: by a reload, and by a new
 * master that takes over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/common/demo_run.h"

static void
replaces_a_generation_by_a_complete_new_one(void **state)
{
	struct stat before, after;
	int fd;

	(void)state;
	start_and_await("");
	assert_int_equal(stat(beside(config, "a.sock"), &before), 0);
	/* in the queue of the socket, which stays the same */
	fd = connect_to("a.sock");
	assert_true(fd >= 0);
	configure("two-sockets");
	kill(daemon_pid, SIGHUP);
	await(1, "generation 2 serves");
	await(1, "generation 1 has gone");
	await_end(pid_of("signer 0 gen 1"));
	await_end(pid_of("worker 0 gen 1"));
	assert_int_equal(stat(beside(config, "a.sock"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 0), 0);
	close(fd);
	fd = connect_to("b.sock");
	assert_true(fd >= 0);
	close(fd);

	configure("");
	kill(daemon_pid, SIGHUP);
	await(1, "generation 3 serves");
	assert_int_equal(access(beside(config, "b.sock"), F_OK), -1);
	assert_int_equal(access(beside(config, "a.sock"), F_OK), 0);
}

static void
keeps_the_old_generation_when_the_new_one_is_bad(void **state)
{
	(void)state;
	start_and_await("");
	configure("broken");
	kill(daemon_pid, SIGHUP);
	await(1, "reload failed, generation 1 goes on: ");
	assert_contains(get("/status"), "\"result\":\"failed\"");
	assert_contains(get("/status"), "it is broken");

	configure("fail-worker two-sockets");
	kill(daemon_pid, SIGHUP);
	await(1, "generation 1 goes on: worker ");
	await(1, ": told to fail");
	await_end(pid_of("signer 0 gen 2"));
	assert_int_equal(access(beside(config, "b.sock"), F_OK), -1);
	assert_contains(get("/healthz"), "HTTP/1.1 200 OK");
	assert_true(is_alive(pid_of("worker 0 gen 1")));

	configure("");
	kill(daemon_pid, SIGHUP);
	await(1, "generation 3 serves");
	assert_contains(get("/status"), "\"result\":\"ok\",\"error\":\"\"");
}

static void
reloads_when_the_signer_does_not_fit_the_files_any_more(void **state)
{
	(void)state;
	start_and_await("");
	configure("fail-old-signer");
	kill(pid_of("signer 0 gen 1"), SIGKILL);
	await(1, "signer 0: told to fail");
	await(1, "generation 2 serves");
	await(1, "generation 1 has gone");
	assert_contains(get("/healthz"), "HTTP/1.1 200 OK");
}

static void
tells_the_last_generation_that_nobody_follows(void **state)
{
	pid_t first;
	int status;

	(void)state;
	start_and_await("");
	kill(daemon_pid, SIGHUP);
	await(1, "generation 1 has gone");
	first = daemon_pid;
	start("--takeover");
	assert_int_equal(waitpid(first, &status, 0), first);
	assert_null(nth(1, "nobody follows"));
	kill(daemon_pid, SIGTERM);
	assert_int_equal(exit_status(), 0);
	assert_non_null(nth(1, "[worker 0 gen 3] info: nobody follows"));
	assert_non_null(nth(1, "[worker 1 gen 3] info: nobody follows"));
}

static void
hands_everything_to_a_master_that_takes_over(void **state)
{
	char made[32];
	pid_t first;
	int status, fd;

	(void)state;
	start_and_await("");
	first = daemon_pid;
	snprintf(made, sizeof(made), "state of %d", (int)first);
	await(2, made);
	start("--takeover");
	await(1, "generation 2 serves");
	await(4, made);
	assert_int_equal(waitpid(first, &status, 0), first);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	await_end(pid_of("worker 0 gen 1"));
	fd = connect_to("a.sock");
	assert_true(fd >= 0);
	close(fd);
	snprintf(made, sizeof(made), "\"pid\":%d,", (int)daemon_pid);
	assert_contains(get("/status"), made);
	/* and so on, one after the other */
	first = daemon_pid;
	start("--takeover");
	await(1, "generation 3 serves");
	assert_int_equal(waitpid(first, &status, 0), first);
	kill(daemon_pid, SIGTERM);
	assert_int_equal(exit_status(), 0);
	assert_int_equal(access(beside(config, "a.sock"), F_OK), -1);
	assert_int_equal(access(beside(config, "admin.sock"), F_OK), -1);
}

static void
goes_on_when_the_one_that_takes_over_fails(void **state)
{
	pid_t first;
	int fd;

	(void)state;
	start_and_await("");
	first = daemon_pid;
	configure("fail-worker two-sockets");
	start("--takeover");
	assert_int_equal(exit_status(), 1);
	daemon_pid = first;
	await(1, "the other master has not come up");
	assert_int_equal(access(beside(config, "b.sock"), F_OK), -1);
	assert_contains(get("/healthz"), "HTTP/1.1 200 OK");
	fd = connect_to("a.sock");
	assert_true(fd >= 0);
	close(fd);
	/* it can be tried again, and reloads work again */
	configure("");
	kill(first, SIGHUP);
	await(1, "generation 3 serves");
	start("--takeover");
	await(1, "generation 4 serves");
	waitpid(first, NULL, 0);
}

static void
has_nobody_to_take_over_from(void **state)
{
	(void)state;
	configure("");
	start("--takeover");
	assert_int_equal(exit_status(), 1);
	await(1, "nobody to take over from");
	assert_int_equal(access(beside(config, "a.sock"), F_OK), -1);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		DEMO_TEST(replaces_a_generation_by_a_complete_new_one),
		DEMO_TEST(keeps_the_old_generation_when_the_new_one_is_bad),
		DEMO_TEST(
		    reloads_when_the_signer_does_not_fit_the_files_any_more),
		DEMO_TEST(tells_the_last_generation_that_nobody_follows),
		DEMO_TEST(hands_everything_to_a_master_that_takes_over),
		DEMO_TEST(goes_on_when_the_one_that_takes_over_fails),
		DEMO_TEST(has_nobody_to_take_over_from),
	};
	int status;

	if (is_demo_daemon(argc, argv, &status))
		return status;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
