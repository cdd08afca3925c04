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

/* These live as long as the process; kept where a leak checker looks. */
static struct metrics *volatile metrics;
static struct front front; /* has its connections for the next ones */

static void
on_gone(struct client_conn *c)
{
	(void)c;
}

static void
on_room(struct front *f)
{
	(void)f;
}

static const struct front_handler handler = { .on_gone = on_gone };

static int
connect_to(uv_loop_t *loop, const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(
	    connect(fd, (const struct sockaddr *)to, sizeof(*to)), 0);
	uv_run(loop, UV_RUN_ONCE);
	return fd;
}

static void
assert_closed(int fd)
{
	char c;

	assert_int_equal(recv(fd, &c, 1, MSG_DONTWAIT), 0);
	close(fd);
}

static void
connect_in_vain(uv_loop_t *loop, const struct sockaddr_in *to, unsigned n)
{
	until_short = n;
	int fd = connect_to(loop, to);
	until_short = UINT_MAX;
	assert_closed(fd);
}

/* The first allocation is that of who the client is, a buffer being there. */
static void
announce_in_vain(uv_loop_t *loop, const struct sockaddr_in *to)
{
	static const char header[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"
				     "\xc0\0\2\1\xc0\0\2\2\0\1\0\2";
	int first = connect_to(loop, to), second = connect_to(loop, to);

	assert_int_equal(send(first, header, sizeof(header) - 1, 0), 28);
	uv_run(loop, UV_RUN_ONCE);
	assert_int_equal(send(second, header, sizeof(header) - 1, 0), 28);
	until_short = 0;
	uv_run(loop, UV_RUN_ONCE);
	until_short = UINT_MAX;
	assert_closed(second);
	close(first);
	while (front.n_conns > 0)
		uv_run(loop, UV_RUN_ONCE);
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
	assert_non_null(strstr(text, "memory is short"));
	return lines;
}

/* Of who the client is and of its connection, whichever comes first. */
static void
a_client_without_memory_is_counted_and_logged(void **state)
{
	struct rproxy_config config = { .max_connections = 8 };
	struct listen_conf conf = { .name = "any" };
	const struct addr address = { .len = 0 };
	int log_fd = memfd_create("log", MFD_CLOEXEC);
	struct stream_home streams;
	struct deadlines *wheel;
	struct sockaddr_in to;
	struct acceptor a;
	uv_loop_t loop;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	log_init("", LOG_TO_STREAM, dup(log_fd), LOG_LEVEL_INFO);
	wheel = deadlines_new(&loop);
	metrics = metrics_new(rproxy_metrics, RPROXY_N_METRICS);
	stream_home_init(&streams, &loop);
	front_init(&front, &config, &streams, wheel, metrics, &handler, NULL);
	front.on_room = on_room;
	assert_true(acceptor_open(
	    &a, &front, &conf, &address, listen_on_loopback(&to)));

	connect_in_vain(&loop, &to, 0);
	connect_in_vain(&loop, &to, 1);
	assert_int_equal(metrics_sum(metrics, M_REFUSED_MEMORY), 2);
	conf.proxy_v2 = true;
	connect_in_vain(&loop, &to, 0);
	announce_in_vain(&loop, &to);
	assert_int_equal(metrics_sum(metrics, M_REFUSED_MEMORY), 4);
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
