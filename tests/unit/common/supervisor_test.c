/*
 * A master and its children, from start to end: children that fail, crash or
 * do not go, and what it says to them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/common/demo_run.h"

static void
serves_when_every_child_is_ready_and_drains_on_term(void **state)
{
	(void)state;
	start_and_await("");
	await(2, "the signer answers");
	pid_of("signer 0 gen 1");
	pid_of("worker 0 gen 1");
	pid_of("worker 1 gen 1");
	kill(daemon_pid, SIGTERM);
	assert_int_equal(exit_status(), 0);
	await_end(pid_of("worker 0 gen 1"));
	await_end(pid_of("signer 0 gen 1"));
	assert_int_equal(access(beside(config, "a.sock"), F_OK), -1);
	assert_int_equal(access(beside(config, "admin.sock"), F_OK), -1);
}

static void
fails_to_start_with_a_child_that_fails(void **state)
{
	(void)state;
	configure("fail-worker");
	start(NULL);
	assert_int_equal(exit_status(), 1);
	await(1, "cannot start: worker ");
	await(1, ": told to fail");
	await_end(pid_of("signer 0 gen 1"));
	assert_int_equal(access(beside(config, "a.sock"), F_OK), -1);
}

static void
checks_and_exits_with_0_or_1(void **state)
{
	(void)state;
	configure("");
	start("-t");
	assert_int_equal(exit_status(), 0);
	configure("broken");
	start("-t");
	assert_int_equal(exit_status(), 1);
	await(1, "demo.ini:1: it is broken");
	start("-V");
	assert_int_equal(exit_status(), 0);
	start("-x");
	assert_int_equal(exit_status(), 2);
	await(1, "usage: demo");
}

static void
stops_at_once_on_quit_and_on_a_second_term(void **state)
{
	(void)state;
	start_and_await("hang-worker");
	kill(daemon_pid, SIGQUIT);
	assert_int_equal(exit_status(), 0);
	await_end(pid_of("worker 1 gen 1"));

	unlink(beside(config, "log"));
	start_and_await("hang-worker");
	kill(daemon_pid, SIGTERM);
	await(1, "draining");
	kill(daemon_pid, SIGTERM);
	assert_int_equal(exit_status(), 0);
	assert_null(nth(1, "has not gone in time"));
}

static void
kills_children_that_do_not_drain(void **state)
{
	(void)state;
	start_and_await("hang-worker");
	kill(daemon_pid, SIGTERM);
	assert_int_equal(exit_status(), 0);
	await(1, "generation 1 has not gone in time");
	await_end(pid_of("worker 0 gen 1"));
}

static void
starts_another_worker_with_another_channel(void **state)
{
	(void)state;
	start_and_await("");
	await(2, "the signer answers");
	kill(pid_of("worker 1 gen 1"), SIGKILL);
	await(1, "worker 1: ended by signal 9");
	await(1, "worker 1 is back");
	await(3, "the signer answers");
	assert_contains(get("/status"), "\"restarts\":1");
}

static void
starts_another_signer_and_tells_the_workers(void **state)
{
	(void)state;
	start_and_await("");
	await(2, "the signer answers");
	kill(pid_of("signer 0 gen 1"), SIGKILL);
	await(1, "signer 0: ended by signal 9");
	await(4, "the signer answers");
	/* and a worker that comes after it is heard, too */
	kill(pid_of("worker 0 gen 1"), SIGKILL);
	await(5, "the signer answers");
}

static void
reports_five_crashes_in_a_row(void **state)
{
	(void)state;
	start_and_await("");
	configure("crash-worker");
	kill(pid_of("worker 0 gen 1"), SIGKILL);
	await(1, "has crashed 5 times in a row");
	/* with growing pauses in between */
	await(1, "ended by signal 9; starting another in 100 ms");
	await(1, "exited with 3; starting another in 200 ms");
	await(1, "exited with 3; starting another in 800 ms");
	kill(daemon_pid, SIGTERM);
	assert_int_equal(exit_status(), 0);
}

static void
leaves_no_child_when_it_is_killed(void **state)
{
	static const char *const words[] = { "", "drop", "hang-worker" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		start_and_await(words[i]);
		kill(daemon_pid, SIGKILL);
		waitpid(daemon_pid, NULL, 0);
		daemon_pid = 0;
		await_end(pid_of("signer 0 gen 1"));
		await_end(pid_of("worker 0 gen 1"));
		await_end(pid_of("worker 1 gen 1"));
		unlink(beside(config, "log"));
	}
}

static void
hands_fresh_log_files_on_after_usr1(void **state)
{
	char moved[256], text[256];
	pid_t worker;

	(void)state;
	start_and_await("");
	worker = pid_of("worker 0 gen 1");
	snprintf(moved, sizeof(moved), "%s", beside(config, "log.1"));
	assert_int_equal(rename(beside(config, "log"), moved), 0);
	kill(daemon_pid, SIGUSR1);
	await(1, "log files reopened");
	do {
		pause_ms(10);
		read_text(beside(config, "access.log"), text, sizeof(text));
	} while (
	    strstr(text, "fresh access log 0\nfresh access log 0") == NULL);
	/* what a child logs from now on is in the new file */
	kill(worker, SIGKILL);
	await(1, "[worker 0 gen 1] info: the signer answers");
	assert_null(nth(1, "CHILD_LOG is not for us"));
}

static void
tells_the_others_what_one_says(void **state)
{
	(void)state;
	start_and_await("tell-worker");
	await(1, "[worker 0 gen 1] info: told 41");
	await(1, "[worker 1 gen 1] info: told 40");
	assert_null(nth(1, "[worker 0 gen 1] info: told 40"));
	assert_null(nth(1, "signer 0 gen 1] info: told"));
}

static void
warns_of_what_expires(void **state)
{
	(void)state;
	start_and_await("expired");
	await(1, "warning: certificate of site old expired ");
	assert_null(nth(1, "certificate of site a "));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		DEMO_TEST(serves_when_every_child_is_ready_and_drains_on_term),
		DEMO_TEST(fails_to_start_with_a_child_that_fails),
		DEMO_TEST(checks_and_exits_with_0_or_1),
		DEMO_TEST(stops_at_once_on_quit_and_on_a_second_term),
		DEMO_TEST(kills_children_that_do_not_drain),
		DEMO_TEST(starts_another_worker_with_another_channel),
		DEMO_TEST(starts_another_signer_and_tells_the_workers),
		DEMO_TEST(reports_five_crashes_in_a_row),
		DEMO_TEST(leaves_no_child_when_it_is_killed),
		DEMO_TEST(hands_fresh_log_files_on_after_usr1),
		DEMO_TEST(tells_the_others_what_one_says),
		DEMO_TEST(warns_of_what_expires),
	};
	int status;

	if (is_demo_daemon(argc, argv, &status))
		return status;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
