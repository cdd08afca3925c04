/*
 * Bytes of another protocol between two sockets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "rproxy/tunnel.h"
#include "tests/unit/stream_end.h"

struct fixture {
	uv_loop_t loop;
	struct stream_home home;
	struct stream stream[2]; /* ours */
	int end[2];              /* the client, the server */
	struct tunnel tunnel;
};

static int
set_up(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	uv_loop_init(&f.loop);
	stream_home_init(&f.home, &f.loop);
	for (int i = 0; i < 2; i++)
		f.end[i] = stream_end_open(&f.stream[i], &f.home);
	tunnel_init(&f.tunnel, &f.stream[0], &f.stream[1]);
	*state = &f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		stream_close(&f->stream[i], NULL);
		if (f->end[i] >= 0)
			close(f->end[i]);
	}
	uv_run(&f->loop, UV_RUN_DEFAULT);
	stream_home_fini(&f->home);
	return uv_loop_close(&f->loop);
}

static void
say(struct fixture *f, int who, const char *text)
{
	assert_int_equal(
	    write(f->end[who], text, strlen(text)), (ssize_t)strlen(text));
}

static void
assert_hears(struct fixture *f, int who, const char *text)
{
	char got[100] = "";

	(void)recv(f->end[who], got, sizeof(got) - 1, MSG_DONTWAIT);
	assert_string_equal(got, text);
}

static void
assert_told_the_end(struct fixture *f, int who)
{
	char c;

	assert_int_equal(recv(f->end[who], &c, 1, MSG_DONTWAIT), 0);
}

static void
bytes_go_both_ways(void **state)
{
	struct fixture *f = *state;

	say(f, 0, "up");
	say(f, 1, "down");
	assert_int_equal(tunnel_step(&f->tunnel, true, true), TUNNEL_OPEN);
	assert_hears(f, 1, "up");
	assert_hears(f, 0, "down");
	assert_int_equal(f->tunnel.up_bytes, 2);
	assert_int_equal(f->tunnel.down_bytes, 4);
	assert_int_equal(tunnel_progress(&f->tunnel), 12);
}

static void
what_was_read_ahead_goes_first(void **state)
{
	struct fixture *f = *state;

	assert_true(stream_buf_take(&f->home, &f->stream[0].in));
	assert_true(buf_append(&f->stream[0].in, "first ", 6, 100));
	say(f, 0, "then");
	assert_int_equal(tunnel_step(&f->tunnel, true, false), TUNNEL_OPEN);
	assert_hears(f, 1, "first then");
}

static void
each_way_ends_by_itself(void **state)
{
	struct fixture *f = *state;

	shutdown(f->end[0], SHUT_WR);
	assert_int_equal(tunnel_step(&f->tunnel, true, false), TUNNEL_OPEN);
	assert_told_the_end(f, 1);
	say(f, 1, "still");
	assert_int_equal(tunnel_step(&f->tunnel, false, true), TUNNEL_OPEN);
	assert_hears(f, 0, "still");
	shutdown(f->end[1], SHUT_WR);
	assert_int_equal(tunnel_step(&f->tunnel, false, true), TUNNEL_OVER);
	assert_told_the_end(f, 0);
}

static void
an_end_comes_behind_the_last_bytes(void **state)
{
	struct fixture *f = *state;
	size_t sent = 0;
	char block[4096] = { 0 };

	while (send(f->end[0], block, sizeof(block), MSG_DONTWAIT) > 0)
		sent += sizeof(block);
	shutdown(f->end[0], SHUT_WR);
	for (int i = 0; i < 1000 && !f->tunnel.server_is_told; i++) {
		ssize_t n = recv(f->end[1], block, sizeof(block), MSG_DONTWAIT);

		if (n > 0)
			sent -= (size_t)n;
		assert_int_equal(
		    tunnel_step(&f->tunnel, true, false), TUNNEL_OPEN);
	}
	for (ssize_t n = 1; n > 0; sent -= (size_t)n)
		n = read(f->end[1], block, sizeof(block));
	assert_int_equal(sent, 0);
}

static void
a_full_side_stops_the_other(void **state)
{
	struct fixture *f = *state;
	char block[4096] = { 0 };
	uint64_t moved;

	for (int i = 0; i < 1000; i++) {
		while (send(f->end[0], block, sizeof(block), MSG_DONTWAIT) > 0)
			continue;
		assert_int_equal(
		    tunnel_step(&f->tunnel, true, false), TUNNEL_OPEN);
	}
	assert_true(buf_len(&f->stream[1].out) > 0);
	assert_true(buf_len(&f->stream[1].out) <= STREAM_SCRATCH_BYTES);
	moved = f->stream[0].bytes_in;
	assert_int_equal(tunnel_step(&f->tunnel, true, false), TUNNEL_OPEN);
	assert_int_equal(f->stream[0].bytes_in, moved);
	tunnel_want(&f->tunnel);
	assert_int_equal(f->stream[0].watch.wants, 0);
	assert_int_equal(f->stream[1].watch.wants, WATCH_READ | WATCH_WRITE);
}

static void
a_client_that_has_gone_altogether_is_no_half_close(void **state)
{
	struct fixture *f = *state;

	say(f, 0, "last words");
	close(f->end[0]);
	f->end[0] = -1;
	assert_int_equal(tunnel_step(&f->tunnel, true, false), TUNNEL_OPEN);
	assert_int_equal(
	    tunnel_step(&f->tunnel, true, false), TUNNEL_CLIENT_GONE);
	assert_hears(f, 1, "last words");
}

static void
a_server_that_has_gone_is_told_apart(void **state)
{
	struct fixture *f = *state;

	close(f->end[1]);
	f->end[1] = -1;
	say(f, 0, "hello?");
	assert_int_equal(
	    tunnel_step(&f->tunnel, true, false), TUNNEL_SERVER_GONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_go_both_ways),
		TEST(what_was_read_ahead_goes_first),
		TEST(each_way_ends_by_itself),
		TEST(an_end_comes_behind_the_last_bytes),
		TEST(a_full_side_stops_the_other),
		TEST(a_client_that_has_gone_altogether_is_no_half_close),
		TEST(a_server_that_has_gone_is_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
