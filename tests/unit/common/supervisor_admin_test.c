/*
 * What a master says of itself and of its children on its admin socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/common/demo_run.h"

static void
answers_on_the_admin_socket(void **state)
{
	const char *status;

	(void)state;
	start_and_await("");
	assert_contains(get("/metrics"), "# TYPE demo_things_total counter");
	assert_contains(get("/healthz"), "HTTP/1.1 200 OK\r\n");
	assert_contains(get("/nothing"), "HTTP/1.1 404 ");
	status = get("/status");
	assert_contains(status, "\"generation\":1,\"complete\":true");
	assert_contains(status, "\"role\":\"signer\",\"index\":0");
	assert_contains(status, "\"role\":\"worker\",\"index\":1");
	assert_contains(status, "\"last_reload\":{\"result\":\"none\"");
}

static void
bounds_what_admin_clients_may_cost(void **state)
{
	char waste[5000], answer[64];
	int idle[20], fd;

	(void)state;
	start_and_await("");
	memset(waste, 'x', sizeof(waste));
	fd = connect_to("admin.sock");
	assert_int_equal(write(fd, waste, 4096), 4096);
	assert_true(read(fd, answer, sizeof(answer)) > 12);
	assert_memory_equal(answer, "HTTP/1.1 431", 12);
	close(fd);
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		idle[i] = connect_to("admin.sock");
	/* those beyond the limit see the end at once */
	assert_int_equal(read(idle[19], answer, 1), 0);
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		close(idle[i]);
	pause_ms(100);
	assert_contains(get("/healthz"), "HTTP/1.1 200 OK");
}

static void
counts_reloads_and_restarts(void **state)
{
	const char *metrics;

	(void)state;
	start_and_await("");
	metrics = get("/metrics");
	assert_contains(metrics, "\ndemo_reloads_total{result=\"ok\"} 0\n");
	assert_contains(
	    metrics, "\ndemo_child_restarts_total{role=\"signer\"} 0\n");
	configure("broken");
	kill(daemon_pid, SIGHUP);
	await(1, "generation 1 goes on");
	configure("");
	kill(daemon_pid, SIGHUP);
	await(1, "generation 2 serves");
	kill(pid_of("worker 0 gen 2"), SIGKILL);
	await(1, "worker 0 is back");
	metrics = get("/metrics");
	assert_contains(metrics, "\ndemo_reloads_total{result=\"ok\"} 1\n");
	assert_contains(metrics, "\ndemo_reloads_total{result=\"failed\"} 1\n");
	assert_contains(
	    metrics, "\ndemo_child_restarts_total{role=\"worker\"} 1\n");
	assert_contains(metrics, "\ndemo_generation 2\n");
	assert_contains(metrics,
	    "\ndemo_certificate_expiry_seconds{site=\"a \\\"b\"} 4102444800\n");
	assert_contains(
	    metrics, "\ndemo_crl_expiry_seconds{site=\"a\"} 4102444801\n");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		DEMO_TEST(answers_on_the_admin_socket),
		DEMO_TEST(bounds_what_admin_clients_may_cost),
		DEMO_TEST(counts_reloads_and_restarts),
	};
	int status;

	if (is_demo_daemon(argc, argv, &status))
		return status;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
