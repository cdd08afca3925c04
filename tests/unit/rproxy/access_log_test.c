/*
 * Access logs on a disk that is full for a while: a limit on the size of files
 * stands for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/log.h"
#include "rproxy/access_log.h"

#define ROOM_BYTES 150 /* two lines and the beginning of the third */

static const struct access_entry entry = {
	.client = SLICE("192.0.2.1"),
	.method = SLICE("GET"),
	.target = SLICE("/irj"),
	.minor = 1,
	.status = 200,
	.connect_ms = -1,
	.head_ms = -1,
};

struct run {
	uv_loop_t loop;
	struct deadlines *wheel;
	struct rproxy_config config;
	struct access_log *log;
	int file;
	int errors; /* what the error log gets */
};

static void
start(struct run *r)
{
	char path[] = "/tmp/access-log-test-XXXXXX";
	int pipe_fd[2];

	memset(r, 0, sizeof(*r));
	assert_int_equal(pipe2(pipe_fd, O_NONBLOCK), 0);
	log_init("test", LOG_TO_STREAM, pipe_fd[1], LOG_LEVEL_INFO);
	r->errors = pipe_fd[0];
	assert_int_equal(uv_loop_init(&r->loop), 0);
	r->wheel = deadlines_new(&r->loop);
	r->config.access_log = "access.log";
	r->config.access_log_format = ACCESS_LOG_COMMON;
	r->file = mkstemp(path);
	assert_true(r->file >= 0);
	unlink(path);
	assert_int_equal(fcntl(r->file, F_SETFL, O_APPEND), 0);
	r->log = access_log_new(&r->config, &r->file, 1, r->wheel);
}

static void
limit_files(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
write_lines(const struct run *r, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		access_log_add(r->log, 0, &entry);
	access_log_flush(r->log);
}

static unsigned
count(const char *text, const char *what)
{
	unsigned n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		n++;
	}
	return n;
}

static const char *
read_errors(const struct run *r)
{
	static char text[4096];
	ssize_t n = read(r->errors, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* The log has no destructor, as a worker needs none: each test keeps its own
 * where a leak checker looks. */
static void
stop(struct run *r)
{
	log_init("test", LOG_TO_STREAM, STDERR_FILENO, LOG_LEVEL_INFO);
	close(r->errors);
	close(r->file);
}

static void
a_line_that_was_cut_gets_an_end_before_the_next(void **state)
{
	const char line[] = "192.0.2.1 - - [01/Jan/1970:00:00:00 +0000] "
			    "\"GET /irj HTTP/1.1\" 200 -\n";
	char text[1024] = "";
	static struct run r;

	(void)state;
	start(&r);
	limit_files(ROOM_BYTES);
	write_lines(&r, 4);
	write_lines(&r, 1);
	limit_files(RLIM_INFINITY);
	write_lines(&r, 2);

	assert_true(pread(r.file, text, sizeof(text) - 1, 0) > ROOM_BYTES);
	assert_int_equal(text[ROOM_BYTES], '\n');
	assert_int_equal(count(text, line), 4);
	assert_string_equal(text + ROOM_BYTES + 1 + strlen(line), line);
	stop(&r);
}

static void
losses_are_told_once_in_a_second(void **state)
{
	const char *told;
	static struct run r;

	(void)state;
	start(&r);
	limit_files(0);
	for (unsigned i = 0; i < 50; i++)
		write_lines(&r, 1);
	limit_files(RLIM_INFINITY);
	told = read_errors(&r);
	assert_int_equal(count(told, "bytes are lost"), 1);
	assert_non_null(strstr(told, "access log: File too large: 69 bytes"));

	for (unsigned i = 0; i < 100 && *(told = read_errors(&r)) == '\0'; i++)
		uv_run(&r.loop, UV_RUN_ONCE);
	assert_int_equal(count(told, "bytes are lost"), 1);
	assert_non_null(strstr(told, ": 3381 bytes are lost")); /* 49 lines */
	stop(&r);
}

/* What has not been told yet, and what a pipe whose reader is slow holds up. */
static void
all_losses_are_told_at_the_end(void **state)
{
	static const char page[512];
	const char *told;
	int pipe_fd[2];
	static struct run r;

	(void)state;
	start(&r);
	limit_files(0);
	write_lines(&r, 1);
	write_lines(&r, 1);
	limit_files(RLIM_INFINITY);
	assert_int_equal(count(read_errors(&r), "bytes are lost"), 1);
	assert_int_equal(pipe2(pipe_fd, O_NONBLOCK), 0);
	while (write(pipe_fd[1], page, sizeof(page)) > 0)
		continue;
	access_log_replace(r.log, 0, pipe_fd[1]);
	r.file = pipe_fd[1];
	write_lines(&r, 1);
	assert_string_equal(read_errors(&r), "");
	access_log_end(r.log);
	told = read_errors(&r);
	assert_int_equal(count(told, "bytes are lost"), 1);
	assert_non_null(strstr(told, ": 138 bytes are lost")); /* two lines */
	close(pipe_fd[0]);
	stop(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_line_that_was_cut_gets_an_end_before_the_next),
		cmocka_unit_test(losses_are_told_once_in_a_second),
		cmocka_unit_test(all_losses_are_told_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
