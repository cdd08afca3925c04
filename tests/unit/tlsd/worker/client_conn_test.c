#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/log.h"
#include "common/slice.h"
#include "tests/unit/short_memory.h"
#include "tlsd/worker/client_conn.h"
#include "tlsd/worker/worker.h"

/* Lives as long as the process; kept where a leak checker looks. */
static struct metrics *volatile metrics;

/* Of the connection, of the header of a balancer, of the handshake. */
#define ALLOCATIONS 3

static unsigned
count_lines(int fd)
{
	char text[4096];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	unsigned lines = 0;

	assert_true(n >= 0);
	text[n] = '\0';
	for (const char *p = text; (p = strstr(p, "connection refused: client "
						  "192.0.2.1:55555: "
						  "no_memory\n")) != NULL;
	     p++)
		lines++;
	return lines;
}

static void
a_client_without_memory_is_counted_and_logged(void **state)
{
	static struct worker w;
	const struct listen_conf listen = { .name = "public",
		.proxy_protocol = true };
	int log_fd = memfd_create("log", MFD_CLOEXEC);
	struct addr peer;

	(void)state;
	assert_true(addr_parse(SLICE("192.0.2.1:55555"), &peer));
	assert_int_equal(uv_loop_init(&w.loop), 0);
	log_init("", LOG_TO_STREAM, dup(log_fd), LOG_LEVEL_INFO);
	w.deadlines = deadlines_new(&w.loop);
	w.metrics = metrics = metrics_new(tlsd_metrics, tlsd_n_metrics);
	handshake_report_init(&w.report, w.metrics, w.deadlines);

	for (unsigned n = 0; n < ALLOCATIONS; n++) {
		int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

		until_short = n;
		client_conn_start(&w, fd, &peer, &listen);
		until_short = UINT_MAX;
		assert_int_equal(fcntl(fd, F_GETFD), -1);
		assert_int_equal(errno, EBADF);
	}
	assert_int_equal(
	    metrics_sum(metrics, TLSD_REFUSED_MEMORY), ALLOCATIONS);
	assert_int_equal(count_lines(log_fd), ALLOCATIONS);

	log_init("", LOG_TO_STREAM, STDERR_FILENO, LOG_LEVEL_INFO);
	close(log_fd);
	handshake_report_fini(&w.report);
	deadlines_free(w.deadlines);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w.loop), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_without_memory_is_counted_and_logged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
