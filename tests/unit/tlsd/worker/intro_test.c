#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/check.h"
#include "tlsd/worker/intro.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define IP4 "\xc0\x00\x02\x01\xc6\x33\x64\x02\xc3\x50\x01\xbb"
/* an AWS endpoint id, a Google number, an Azure link id: none are ours */
#define AWS "\xea\x00\x05\x01vpce"
#define GOOGLE "\xe0\x00\x08\0\0\0\0\0\0\0\1"
#define AZURE "\xee\x00\x05\x01\1\2\3\4"

#define BYTES(s)                                                               \
	{                                                                      \
		(s), sizeof(s) - 1                                             \
	}

static const struct {
	struct slice in;
	enum intro_verdict want;
	const char *src;
} cases[] = {
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\r\n"), INTRO_DONE,
	    "192.0.2.1:50000" },
	{ BYTES("PROXY UNKNOWN\r\n"), INTRO_DONE, "" },
	{ BYTES(SIGNATURE "\x21\x11\x00\x0c" IP4), INTRO_DONE,
	    "192.0.2.1:50000" },
	{ BYTES(SIGNATURE "\x20\x11\x00\x0c" IP4), INTRO_DONE, "" },
	{ BYTES(SIGNATURE "\x20\x00\x00\x00"), INTRO_DONE, "" },
	{ BYTES(SIGNATURE "\x21\x11\x00\x27" IP4 AWS GOOGLE AZURE), INTRO_DONE,
	    "192.0.2.1:50000" },
	{ BYTES(SIGNATURE "\x21\x11\x00\x04" IP4), INTRO_BAD, "" },
	{ BYTES(SIGNATURE "\x11\x11\x00\x0c" IP4), INTRO_BAD, "" },
	{ BYTES("PROXY TCP4 x\r\n"), INTRO_BAD, "" },
	{ BYTES("GET / HTTP/1.1\r\n"), INTRO_BAD, "" },
	{ BYTES("\x16\x03\x01\x02\x00\x01"), INTRO_BAD, "" },
};

static int ours, theirs;

static int
set_up(void **state)
{
	int fd[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) < 0)
		return -1;
	ours = fd[0];
	theirs = fd[1];
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	close(ours);
	close(theirs);
	return 0;
}

static void
assert_source(const struct intro *i, const char *want)
{
	char text[ADDR_TEXT_MAX];

	if (want[0] == '\0')
		assert_int_equal(i->src.len, 0);
	else
		assert_string_equal(addr_format(&i->src, text), want);
}

/* Sends the header in pieces of step bytes, then TLS behind it. */
static void
play(size_t no, size_t step)
{
	struct slice in = cases[no].in;
	struct intro *intro = intro_new();
	enum intro_verdict v = INTRO_MORE;
	const char *reason = NULL;
	char rest[16];

	for (size_t at = 0; at < in.len && v == INTRO_MORE; at += step) {
		size_t n = in.len - at < step ? in.len - at : step;

		assert_int_equal(send(theirs, in.p + at, n, 0), n);
		if (at + n == in.len)
			assert_int_equal(send(theirs, "TLS", 3, 0), 3);
		v = intro_read(intro, ours, &reason);
	}
	if (v != cases[no].want)
		fail_msg("case %zu, step %zu: %d", no, step, (int)v);
	if (v == INTRO_DONE) {
		assert_source(intro, cases[no].src);
		assert_int_equal(recv(ours, rest, sizeof(rest), 0), 3);
		assert_memory_equal(rest, "TLS", 3);
	} else {
		assert_non_null(reason);
	}
	intro_free(intro);
}

static void
takes_the_header_and_not_a_byte_of_what_follows(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		play(i, cases[i].in.len);
		tear_down(state);
		set_up(state);
	}
}

static void
one_byte_at_a_time_gives_the_same_answer(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		play(i, 1);
		tear_down(state);
		set_up(state);
	}
}

static void
waits_for_a_client_that_says_nothing_and_notices_its_end(void **state)
{
	struct intro *intro = intro_new();
	const char *reason;

	(void)state;
	assert_int_equal(intro_read(intro, ours, &reason), INTRO_MORE);
	assert_int_equal(send(theirs, "PROXY ", 6, 0), 6);
	assert_int_equal(intro_read(intro, ours, &reason), INTRO_MORE);
	assert_int_equal(intro_read(intro, ours, &reason), INTRO_MORE);
	shutdown(theirs, SHUT_WR);
	assert_int_equal(intro_read(intro, ours, &reason), INTRO_GONE);
	intro_free(intro);
}

static void
a_destination_is_the_balancers_word_or_our_own_address(void **state)
{
	static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 7 443\r\n";
	struct intro *intro = intro_new();
	struct addr own, dst;
	char text[ADDR_TEXT_MAX];
	const char *reason;

	(void)state;
	own.len = sizeof(own.u);
	assert_int_equal(getsockname(ours, &own.u.sa, &own.len), 0);
	dst = intro_destination(NULL, ours);
	assert_int_equal(dst.len, own.len);
	dst = intro_destination(intro, ours);
	assert_int_equal(dst.len, own.len);
	assert_int_equal(
	    send(theirs, header, sizeof(header) - 1, 0), sizeof(header) - 1);
	assert_int_equal(intro_read(intro, ours, &reason), INTRO_DONE);
	dst = intro_destination(intro, ours);
	assert_string_equal(addr_format(&dst, text), "192.0.2.2:443");
	intro_free(intro);
}

static void
a_header_that_never_ends_is_refused(void **state)
{
	static const char head[] = SIGNATURE "\x21\x11\xff\xff";
	struct intro *intro = intro_new();
	enum intro_verdict v = INTRO_MORE;
	char more[512] = { 0 };
	const char *reason;
	unsigned n = 0;

	(void)state;
	assert_int_equal(
	    send(theirs, head, sizeof(head) - 1, 0), sizeof(head) - 1);
	for (; v == INTRO_MORE && n < 100; n++) {
		assert_int_equal(
		    send(theirs, more, sizeof(more), 0), sizeof(more));
		v = intro_read(intro, ours, &reason);
	}
	assert_int_equal(v, INTRO_BAD);
	assert_true(n * sizeof(more) <= INTRO_MAX + sizeof(more));
	intro_free(intro);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(takes_the_header_and_not_a_byte_of_what_follows),
		T(one_byte_at_a_time_gives_the_same_answer),
		T(waits_for_a_client_that_says_nothing_and_notices_its_end),
		T(a_destination_is_the_balancers_word_or_our_own_address),
		T(a_header_that_never_ends_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
