/*
 * Bodies from one framing into the other, over a real socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "rproxy/body_relay.h"
#include "tests/unit/stream_end.h"

struct pipe_end {
	uv_loop_t loop;
	struct stream_home home;
	struct stream to;
	int other;
};

static void
open_pipe(struct pipe_end *p)
{
	assert_int_equal(uv_loop_init(&p->loop), 0);
	stream_home_init(&p->home, &p->loop);
	p->other = stream_end_open(&p->to, &p->home);
}

static void
close_pipe(struct pipe_end *p)
{
	stream_close(&p->to, NULL);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	stream_home_fini(&p->home);
	assert_int_equal(uv_loop_close(&p->loop), 0);
	close(p->other);
}

static size_t
arrived(struct pipe_end *p, char *out, size_t room)
{
	ssize_t n = recv(p->other, out, room - 1, MSG_DONTWAIT);

	out[n < 0 ? 0 : n] = '\0';
	return n < 0 ? 0 : (size_t)n;
}

struct relay_case {
	enum body_kind from;
	uint64_t length;
	bool to_chunked;
	const char *in;
	enum body_relay_verdict verdict;
	size_t used;
	const char *out; /* in one piece */
};

static const struct relay_case cases[] = {
	{ BODY_LENGTH, 5, false, "abcdeNEXT", BODY_RELAY_DONE, 5, "abcde" },
	{ BODY_LENGTH, 9, false, "abcde", BODY_RELAY_MORE, 5, "abcde" },
	{ BODY_CHUNKED, 0, true, "3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\nNEXT",
	    BODY_RELAY_DONE, 22, "5\r\nabcde\r\n0\r\n\r\n" },
	{ BODY_CHUNKED, 0, true, "3\r\nabc\r\n", BODY_RELAY_MORE, 8,
	    "3\r\nabc\r\n" },
	{ BODY_CHUNKED, 0, true, "0\r\nT: 1\r\n\r\n", BODY_RELAY_DONE, 11,
	    "0\r\n\r\n" },
	{ BODY_CHUNKED, 0, true, "3\r\n", BODY_RELAY_MORE, 3, "" },
	{ BODY_CHUNKED, 0, false, "3\r\nabc\r\n0\r\n\r\n", BODY_RELAY_DONE, 13,
	    "abc" },
	{ BODY_UNTIL_CLOSE, 0, true, "abc", BODY_RELAY_MORE, 3,
	    "3\r\nabc\r\n" },
	{ BODY_UNTIL_CLOSE, 0, false, "abc", BODY_RELAY_MORE, 3, "abc" },
	{ BODY_CHUNKED, 0, true, "zz\r\n", BODY_RELAY_BAD, 0, "" },
};

static void
a_body_is_put_into_the_receivers_framing(void **state)
{
	char in[256], out[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct relay_case *c = &cases[i];
		struct framing f = { .kind = c->from, .length = c->length };
		struct body_relay r;
		struct pipe_end p;
		enum reason why;
		size_t used;

		open_pipe(&p);
		body_relay_init(&r, &f, c->to_chunked, 0);
		strcpy(in, c->in);
		assert_int_equal(
		    body_relay_feed(&r, in, strlen(in), &p.to, &used, &why),
		    c->verdict);
		if (c->verdict != BODY_RELAY_BAD)
			assert_int_equal(used, c->used);
		arrived(&p, out, sizeof(out));
		assert_string_equal(out, c->out);
		close_pipe(&p);
	}
}

static void
one_byte_at_a_time_gives_the_same_content(void **state)
{
	const char *in = "3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: 1\r\n\r\n";
	struct framing f = { .kind = BODY_CHUNKED };
	struct body_relay r;
	struct pipe_end p;
	enum reason why;
	char out[256], byte;
	size_t used, n = strlen(in);

	(void)state;
	open_pipe(&p);
	body_relay_init(&r, &f, false, 0);
	for (size_t i = 0; i < n; i++) {
		byte = in[i];
		assert_int_equal(
		    body_relay_feed(&r, &byte, 1, &p.to, &used, &why),
		    i + 1 < n ? BODY_RELAY_MORE : BODY_RELAY_DONE);
		assert_int_equal(used, 1);
	}
	arrived(&p, out, sizeof(out));
	assert_string_equal(out, "abcde");
	assert_int_equal(r.content_bytes, 5);
	close_pipe(&p);
}

/* More pieces than one writev takes, small and large ones mixed. */
static void
many_chunks_leave_as_one(void **state)
{
	static char in[60000], want[60000], out[60000];
	struct framing f = { .kind = BODY_CHUNKED };
	struct body_relay r;
	struct pipe_end p;
	enum reason why;
	size_t used, n_in = 0, n_want = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		char head[CHUNK_HEAD_MAX];
		size_t len = i % 50 == 7 ? 1500 : 1 + i % 90;
		size_t n = chunk_head(head, len);

		memcpy(in + n_in, head, n);
		memset(in + n_in + n, 'a' + (int)(i % 26), len);
		memset(want + n_want, 'a' + (int)(i % 26), len);
		memcpy(in + n_in + n + len, "\r\n", 2);
		n_in += n + len + 2;
		n_want += len;
	}
	open_pipe(&p);
	body_relay_init(&r, &f, false, 0);
	assert_int_equal(
	    body_relay_feed(&r, in, n_in, &p.to, &used, &why), BODY_RELAY_MORE);
	assert_int_equal(arrived(&p, out, sizeof(out)), n_want);
	assert_memory_equal(out, want, n_want);
	close_pipe(&p);
}

/* What the kernel does not take is held, all of it, in order. */
static void
a_slow_receiver_loses_nothing(void **state)
{
	static char in[4][65536], out[65536];
	struct framing f = { .kind = BODY_LENGTH, .length = 10u << 20 };
	struct body_relay r;
	struct pipe_end p;
	enum reason why;
	size_t used, sent = 0, got = 0, n, block = 0;

	(void)state;
	open_pipe(&p);
	body_relay_init(&r, &f, false, 0);
	while (buf_len(&p.to.out) == 0) {
		memset(in[block % 4], 'a' + (int)(block % 26), 65536);
		assert_int_equal(body_relay_feed(&r, in[block % 4], 65536,
				     &p.to, &used, &why),
		    BODY_RELAY_MORE);
		sent += 65536;
		block++;
	}
	assert_true(buf_len(&p.to.out) <= 65536);
	while ((n = arrived(&p, out, sizeof(out))) > 0) {
		for (size_t i = 0; i < n; i++)
			assert_int_equal(
			    out[i], 'a' + (int)((got + i) / 65536 % 26));
		got += n;
		(void)stream_flush(&p.to);
	}
	assert_int_equal(got, sent);
	close_pipe(&p);
}

static void
content_over_the_limit_is_not_sent(void **state)
{
	struct framing f = { .kind = BODY_CHUNKED };
	char ok[] = "5\r\nabcde\r\n", large[] = "6\r\nabcdef\r\n", out[64];
	struct body_relay r;
	struct pipe_end p;
	enum reason why;
	size_t used;

	(void)state;
	open_pipe(&p);
	body_relay_init(&r, &f, true, 10);
	assert_int_equal(
	    body_relay_feed(&r, ok, sizeof(ok) - 1, &p.to, &used, &why),
	    BODY_RELAY_MORE);
	assert_int_equal(
	    body_relay_feed(&r, large, sizeof(large) - 1, &p.to, &used, &why),
	    BODY_RELAY_LARGE);
	arrived(&p, out, sizeof(out));
	assert_string_equal(out, "5\r\nabcde\r\n");
	close_pipe(&p);
}

static void
the_end_of_the_connection_ends_one_kind_only(void **state)
{
	const struct framing until = { .kind = BODY_UNTIL_CLOSE };
	const struct framing chunked = { .kind = BODY_CHUNKED };
	struct body_relay r;
	struct pipe_end p;
	enum reason why;
	char out[64];

	(void)state;
	open_pipe(&p);
	body_relay_init(&r, &until, true, 0);
	assert_int_equal(body_relay_eof(&r, &p.to, &why), BODY_RELAY_DONE);
	arrived(&p, out, sizeof(out));
	assert_string_equal(out, "0\r\n\r\n");
	body_relay_init(&r, &chunked, true, 0);
	assert_int_equal(body_relay_eof(&r, &p.to, &why), BODY_RELAY_BAD);
	assert_int_equal(why, REASON_RESPONSE_INCOMPLETE);
	assert_int_equal(arrived(&p, out, sizeof(out)), 0);
	close_pipe(&p);
}

static void
only_bodies_of_known_length_pass_unseen(void **state)
{
	const struct framing length = { .kind = BODY_LENGTH, .length = 1000 };
	const struct framing chunked = { .kind = BODY_CHUNKED };
	const struct framing until = { .kind = BODY_UNTIL_CLOSE };
	struct body_relay r;

	(void)state;
	body_relay_init(&r, &length, false, 0);
	assert_int_equal(body_relay_passable(&r), 1000);
	body_relay_init(&r, &length, false, 1000);
	assert_int_equal(body_relay_passable(&r), 1000);
	body_relay_init(&r, &length, false, 999); /* larger than allowed */
	assert_int_equal(body_relay_passable(&r), 0);
	body_relay_init(&r, &length, true, 0); /* chunk heads to be written */
	assert_int_equal(body_relay_passable(&r), 0);
	body_relay_init(&r, &chunked, false, 0);
	assert_int_equal(body_relay_passable(&r), 0);
	body_relay_init(&r, &until, false, 0);
	assert_int_equal(body_relay_passable(&r), 0);
}

static void
what_has_passed_counts_as_content(void **state)
{
	const struct framing f = { .kind = BODY_LENGTH, .length = 10 };
	struct body_relay r;
	struct pipe_end p;
	enum reason why;
	char in[] = "abcdNEXT";
	size_t used;

	(void)state;
	open_pipe(&p);
	body_relay_init(&r, &f, false, 0);
	body_relay_passed(&r, 6);
	assert_int_equal(body_relay_passable(&r), 4);
	assert_false(r.done);
	assert_int_equal(
	    body_relay_feed(&r, in, strlen(in), &p.to, &used, &why),
	    BODY_RELAY_DONE);
	assert_int_equal(used, 4);
	assert_int_equal(r.content_bytes, 10);
	body_relay_init(&r, &f, false, 0);
	body_relay_passed(&r, 10);
	assert_true(r.done);
	assert_int_equal(body_relay_passable(&r), 0);
	close_pipe(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_is_put_into_the_receivers_framing),
		cmocka_unit_test(one_byte_at_a_time_gives_the_same_content),
		cmocka_unit_test(many_chunks_leave_as_one),
		cmocka_unit_test(a_slow_receiver_loses_nothing),
		cmocka_unit_test(content_over_the_limit_is_not_sent),
		cmocka_unit_test(the_end_of_the_connection_ends_one_kind_only),
		cmocka_unit_test(only_bodies_of_known_length_pass_unseen),
		cmocka_unit_test(what_has_passed_counts_as_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
