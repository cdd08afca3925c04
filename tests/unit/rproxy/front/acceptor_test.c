#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "rproxy/front/acceptor.h"
#include "rproxy/metrics_table.h"
#include "tests/unit/loopback.h"
#include "tests/unit/short_memory.h"

static const struct front_handler no_handler;

/* Lives as long as the process; kept where a leak checker looks. */
static struct metrics *volatile metrics;

static void
connect_in_vain(uv_loop_t *loop, const struct sockaddr_in *to, unsigned n)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char c;

	assert_int_equal(
	    connect(fd, (const struct sockaddr *)to, sizeof(*to)), 0);
	until_short = n;
	uv_run(loop, UV_RUN_ONCE);
	until_short = UINT_MAX;
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	close(fd);
}

static unsigned
count_lines(int fd)
{
	char text[4096];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	unsigned lines = 0;

	assert_true(n >= 0);
	text[n] = '\0';
	for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_non_null(strstr(text, "listen plain: memory is short"));
	return lines;
}

/* First of who the client is, then of its connection. */
static void
a_client_without_memory_is_counted_and_logged(void **state)
{
	struct rproxy_config config = { .max_connections = 8 };
	const struct listen_conf conf = { .name = "plain" };
	const struct addr address = { .len = 0 };
	int log_fd = memfd_create("log", MFD_CLOEXEC);
	struct stream_home streams;
	struct deadlines *wheel;
	struct sockaddr_in to;
	struct acceptor a;
	struct front f;
	uv_loop_t loop;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	log_init("", LOG_TO_STREAM, dup(log_fd), LOG_LEVEL_INFO);
	wheel = deadlines_new(&loop);
	metrics = metrics_new(rproxy_metrics, RPROXY_N_METRICS);
	stream_home_init(&streams, &loop);
	front_init(&f, &config, &streams, wheel, metrics, &no_handler, NULL);
	assert_true(
	    acceptor_open(&a, &f, &conf, &address, listen_on_loopback(&to)));

	connect_in_vain(&loop, &to, 0);
	connect_in_vain(&loop, &to, 1);
	assert_int_equal(metrics_sum(metrics, M_REFUSED_MEMORY), 2);
	assert_int_equal(count_lines(log_fd), 1);

	log_init("", LOG_TO_STREAM, STDERR_FILENO, LOG_LEVEL_INFO);
	close(log_fd);
	acceptor_close(&a);
	deadlines_free(wheel);
	uv_run(&loop, UV_RUN_DEFAULT);
	stream_home_fini(&streams);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_without_memory_is_counted_and_logged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
