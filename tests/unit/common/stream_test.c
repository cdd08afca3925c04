#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "common/stream.h"
#include "tests/unit/loopback.h"
#include "tests/unit/stream_end.h"

#define ENOUGH (64u * 1024) /* that passing is worth it */

/* from_end -> from -> (stream_pass) -> to -> to_end */
struct fixture {
	uv_loop_t loop;
	struct stream_home home;
	struct stream from, to;
	int from_end, to_end;
};

static char sent[512 * 1024], got[512 * 1024];

static int
set_up(void **state)
{
	static struct fixture f;

	(void)signal(SIGPIPE, SIG_IGN);
	memset(&f, 0, sizeof(f));
	uv_loop_init(&f.loop);
	stream_home_init(&f.home, &f.loop);
	stream_home_open_pipe(&f.home);
	f.from_end = stream_end_open(&f.from, &f.home);
	f.to_end = stream_end_open(&f.to, &f.home);
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)(i * 31 + i / 251);
	*state = &f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	stream_close(&f->from, NULL);
	stream_close(&f->to, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	stream_home_fini(&f->home);
	if (f->from_end >= 0)
		close(f->from_end);
	if (f->to_end >= 0)
		close(f->to_end);
	return uv_loop_close(&f->loop);
}

static int
in_pipe(const struct fixture *f)
{
	int n = -1;

	assert_int_equal(ioctl(f->home.pipe_fd[0], FIONREAD, &n), 0);
	return n;
}

static size_t
send_some(struct fixture *f, size_t at, size_t len)
{
	ssize_t n = write(f->from_end, sent + at, len);

	return n < 0 ? 0 : (size_t)n;
}

static size_t
take_some(struct fixture *f, size_t at)
{
	ssize_t n = read(f->to_end, got + at, sizeof(got) - at);

	return n < 0 ? 0 : (size_t)n;
}

static void
everything_passes_in_order_through_a_slow_receiver(void **state)
{
	struct fixture *f = *state;
	size_t in = 0, through = 0, out = 0, n;

	for (int turn = 0; out < sizeof(sent) && turn < 10000; turn++) {
		in += send_some(f, in, sizeof(sent) - in);
		if (stream_may_pass(&f->from, &f->to, ENOUGH)) {
			assert_int_not_equal(
			    stream_pass(&f->from, &f->to, SIZE_MAX, &n),
			    STREAM_FAILED);
			through += n;
		} else {
			assert_true(buf_len(&f->to.out) > 0);
			(void)stream_flush(&f->to);
		}
		assert_int_equal(in_pipe(f), 0);
		if (turn % 3 == 0)
			out += take_some(f, out);
	}
	assert_int_equal(through, sizeof(sent));
	assert_int_equal(out, sizeof(sent));
	assert_memory_equal(got, sent, sizeof(sent));
	assert_int_equal(f->from.bytes_in, sizeof(sent));
	assert_int_equal(f->to.bytes_out, sizeof(sent));
}

static void
no_more_passes_than_was_asked_for(void **state)
{
	struct fixture *f = *state;
	size_t n;

	assert_int_equal(send_some(f, 0, 3000), 3000);
	assert_int_equal(stream_pass(&f->from, &f->to, 1000, &n), STREAM_OK);
	assert_int_equal(n, 1000);
	assert_int_equal(take_some(f, 0), 1000);
	assert_int_equal(stream_pass(&f->from, &f->to, 5000, &n), STREAM_OK);
	assert_int_equal(n, 2000);
	assert_int_equal(stream_pass(&f->from, &f->to, 5000, &n), STREAM_WAIT);
	assert_int_equal(n, 0);
}

static void
the_senders_end_is_told_apart_from_the_receivers(void **state)
{
	struct fixture *f = *state;
	size_t n;

	close(f->from_end);
	f->from_end = -1;
	assert_int_equal(stream_pass(&f->from, &f->to, 9, &n), STREAM_END);
	assert_true(f->from.ended);
	assert_int_equal(f->to.write_error, 0);
	assert_int_equal(stream_pass(&f->from, &f->to, 9, &n), STREAM_END);
}

/* What nobody takes must not come out on the next connection. */
static void
a_receiver_that_has_gone_leaves_the_pipe_empty(void **state)
{
	struct fixture *f = *state;
	size_t n;

	close(f->to_end);
	f->to_end = -1;
	assert_int_equal(send_some(f, 0, 5000), 5000);
	assert_int_equal(
	    stream_pass(&f->from, &f->to, 5000, &n), STREAM_FAILED);
	assert_int_equal(f->to.write_error, EPIPE);
	assert_int_equal(f->from.read_error, 0);
	assert_int_equal(in_pipe(f), 0);
}

/* splice() finds nothing before the mark, for ever; recv() steps over it. */
static void
urgent_data_does_not_stop_what_passes(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in a;
	struct stream from;
	int l = listen_on_loopback(&a), peer = socket(AF_INET, SOCK_STREAM, 0);
	size_t n, all = 0;

	assert_int_equal(connect(peer, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_true(stream_open(&from, &f->home,
	    accept4(l, NULL, NULL, SOCK_NONBLOCK), stream_end_ignore));
	assert_int_equal(send(peer, sent, 100, 0), 100);
	assert_int_equal(send(peer, "!", 1, MSG_OOB), 1);
	assert_int_equal(send(peer, sent, 1000, 0), 1000);
	for (int i = 0; i < 10 && all < 1100; i++) {
		if (stream_may_pass(&from, &f->to, ENOUGH))
			(void)stream_pass(&from, &f->to, ENOUGH, &n);
		else
			(void)stream_read(&from, got, sizeof(got), &n);
		all += n;
	}
	assert_int_equal(all, 1100);
	stream_close(&from, NULL);
	uv_run(&f->loop, UV_RUN_NOWAIT);
	close(peer);
	close(l);
}

static void
what_is_held_must_leave_first(void **state)
{
	struct fixture *f = *state;

	assert_true(stream_may_pass(&f->from, &f->to, ENOUGH));
	assert_false(stream_may_pass(&f->from, &f->to, 100));
	assert_true(buf_append(&f->to.out, "x", 1, 1));
	assert_false(stream_may_pass(&f->from, &f->to, ENOUGH));
	buf_consume(&f->to.out, 1);
	assert_true(buf_append(&f->from.in, "x", 1, 1));
	assert_false(stream_may_pass(&f->from, &f->to, ENOUGH));
}

static void
without_a_pipe_nothing_passes(void **state)
{
	struct fixture *f = *state;
	struct stream_home bare;
	struct stream s;
	int end;

	stream_home_init(&bare, &f->loop);
	end = stream_end_open(&s, &bare);
	assert_false(stream_may_pass(&s, &s, ENOUGH));
	stream_close(&s, NULL);
	uv_run(&f->loop, UV_RUN_NOWAIT);
	stream_home_fini(&bare);
	close(end);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(everything_passes_in_order_through_a_slow_receiver),
		T(no_more_passes_than_was_asked_for),
		T(the_senders_end_is_told_apart_from_the_receivers),
		T(a_receiver_that_has_gone_leaves_the_pipe_empty),
		T(urgent_data_does_not_stop_what_passes),
		T(what_is_held_must_leave_first),
		T(without_a_pipe_nothing_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
