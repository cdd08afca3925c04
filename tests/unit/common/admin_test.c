#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/admin.h"
#include "common/mem.h"

#define WAIT_MS 5000
#define TURN_MS 10

static char folder[] = "/tmp/admin_testXXXXXX";
static char path[64];

/* Has no memory for /large. */
static void
answer(struct slice asked, struct admin_answer *out, void *ctx)
{
	(void)ctx;
	out->status = 200;
	out->type = "text/plain";
	out->body =
	    slice_eq(asked, SLICE("/large")) ? NULL : mem_need_strdup("ok\n");
}

static int
ask(const char *request)
{
	struct addr to;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(addr_parse(slice_of(path), &to));
	assert_int_equal(connect(fd, &to.u.sa, to.len), 0);
	assert_int_equal(
	    write(fd, request, strlen(request)), (ssize_t)strlen(request));
	return fd;
}

/* The whole answer, up to the end of the connection. */
static const char *
answer_to(uv_loop_t *loop, const char *request)
{
	static char text[1024];
	size_t n = 0;
	ssize_t got = -1;
	int fd = ask(request);

	for (unsigned turn = 0; got != 0; turn++) {
		assert_true(turn < WAIT_MS / TURN_MS);
		uv_run(loop, UV_RUN_NOWAIT);
		poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, TURN_MS);
		got = recv(fd, text + n, sizeof(text) - 1 - n, MSG_DONTWAIT);
		n += got > 0 ? (size_t)got : 0;
	}
	text[n] = '\0';
	close(fd);
	return text;
}

static void
memory_that_is_short_costs_one_answer(void **state)
{
	const struct admin_user user = { .answer = answer };
	const char *error, *text;
	struct deadlines *wheel;
	struct admin *a;
	uv_loop_t loop;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	wheel = deadlines_new(&loop);
	a = admin_open(&loop, wheel, path, &user, &error);
	assert_non_null(a);

	text = answer_to(&loop, "GET /large HTTP/1.1\r\n\r\n");
	assert_non_null(strstr(text, "HTTP/1.1 503 Service Unavailable\r\n"));
	assert_non_null(strstr(text, "\r\n\r\nService Unavailable\n"));
	text = answer_to(&loop, "GET /small HTTP/1.1\r\n\r\n");
	assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));

	admin_close(a);
	uv_run(&loop, UV_RUN_DEFAULT);
	deadlines_free(wheel);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static int
make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/admin.sock", folder);
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_that_is_short_costs_one_answer),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
