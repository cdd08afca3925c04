/*
 * What tlsd answers at its egress socket, read from a socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "rproxy/upstream/egress.h"
#include "tests/unit/stream_end.h"

struct fixture {
	uv_loop_t loop;
	struct stream_home home;
	struct stream stream;
	int tlsd; /* its end */
	struct egress_answer answer;
};

static int
set_up(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	uv_loop_init(&f.loop);
	stream_home_init(&f.home, &f.loop);
	f.tlsd = stream_end_open(&f.stream, &f.home);
	*state = &f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	stream_close(&f->stream, NULL);
	if (f->tlsd >= 0)
		close(f->tlsd);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	stream_home_fini(&f->home);
	return uv_loop_close(&f->loop);
}

static void
say(struct fixture *f, const void *bytes, size_t len)
{
	assert_int_equal(write(f->tlsd, bytes, len), (ssize_t)len);
}

static size_t
outcome(enum egress_code code, const char *text, char *out)
{
	const struct egress_outcome o = { .code = code,
		.text = slice_of(text),
		.version = SLICE("TLSv1.3"),
		.cipher = SLICE("TLS_AES_256_GCM_SHA384") };
	size_t len = egress_wire_encode_outcome(&o, out);

	assert_true(len > 0);
	return len;
}

static void
asks_for_the_server_by_all_three_names(void **state)
{
	const struct site_conf site = { .name = (char *)"portal.example.com" };
	const struct pool_conf pool = { .name = (char *)"reports" };
	const struct server_conf server = {
		.https = true, .host = (char *)"2001:db8::1", .port = 8443
	};
	struct slice question = egress_question(&site, &pool, &server);
	struct egress_target t;
	const char *why;
	size_t used;

	(void)state;
	assert_int_equal(egress_wire_decode_target(question, &t, &used, &why),
	    PROXY_V2_DONE);
	assert_int_equal(used, question.len);
	assert_true(slice_eq(t.site, SLICE("portal.example.com")));
	assert_true(slice_eq(t.pool, SLICE("reports")));
	assert_true(slice_eq(t.server, SLICE("[2001:db8::1]:8443")));
	mem_free((char *)question.p);
}

static void
the_answer_is_there_with_its_last_byte(void **state)
{
	struct fixture *f = *state;
	char bytes[EGRESS_WIRE_MAX];
	size_t len = outcome(EGRESS_CONNECTED, "", bytes);

	for (size_t i = 0; i < len; i++) {
		assert_int_equal(
		    egress_read(&f->stream, &f->answer), EGRESS_WAIT);
		say(f, bytes + i, 1);
	}
	assert_int_equal(egress_read(&f->stream, &f->answer), EGRESS_OPEN);
	assert_string_equal(f->answer.text, "TLSv1.3 TLS_AES_256_GCM_SHA384");
	assert_false(f->answer.is_draining);
	assert_int_equal(buf_len(&f->stream.in), 0);
}

static void
an_answer_says_when_tlsd_is_about_to_leave(void **state)
{
	struct fixture *f = *state;
	const struct egress_outcome o = { .code = EGRESS_CONNECTED,
		.version = SLICE("TLSv1.3"),
		.cipher = SLICE("TLS_AES_256_GCM_SHA384"),
		.is_draining = true };
	char bytes[EGRESS_WIRE_MAX];

	say(f, bytes, egress_wire_encode_outcome(&o, bytes));
	assert_int_equal(egress_read(&f->stream, &f->answer), EGRESS_OPEN);
	assert_true(f->answer.is_draining);
}

static void
bytes_of_the_server_stay_in_the_socket(void **state)
{
	struct fixture *f = *state;
	char bytes[EGRESS_WIRE_MAX + 4], rest[8];
	size_t len = outcome(EGRESS_CONNECTED, "", bytes);

	memcpy(bytes + len, "HTTP", 4);
	say(f, bytes, len + 4);
	assert_int_equal(egress_read(&f->stream, &f->answer), EGRESS_OPEN);
	assert_int_equal(buf_len(&f->stream.in), 0);
	assert_int_equal(
	    recv(f->stream.watch.fd, rest, sizeof(rest), MSG_DONTWAIT), 4);
}

static void
each_failure_has_its_reason_and_tlsds_words(void **state)
{
	static const struct {
		enum egress_code code;
		enum reason why;
	} rows[] = {
		{ EGRESS_UNKNOWN, REASON_EGRESS_TARGET },
		{ EGRESS_REFUSED, REASON_CONNECT_REFUSED },
		{ EGRESS_CONNECT_FAILED, REASON_CONNECT_FAILED },
		{ EGRESS_TIMEOUT, REASON_CONNECT_TIMEOUT },
		{ EGRESS_CERTIFICATE, REASON_TLS_CERTIFICATE },
		{ EGRESS_HANDSHAKE, REASON_TLS_HANDSHAKE },
		{ EGRESS_SHORT, REASON_TOO_MANY },
	};
	char bytes[EGRESS_WIRE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture *f;

		assert_int_equal(set_up((void **)&f), 0);
		say(f, bytes, outcome(rows[i].code, "in words", bytes));
		assert_int_equal(
		    egress_read(&f->stream, &f->answer), EGRESS_FAILED);
		assert_int_equal(f->answer.why, rows[i].why);
		assert_string_equal(f->answer.text, "in words");
		assert_int_equal(tear_down((void **)&f), 0);
	}
}

static void
an_answer_that_is_none_fails_and_does_not_wait(void **state)
{
	struct fixture *f = *state;

	say(f, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
	assert_int_equal(egress_read(&f->stream, &f->answer), EGRESS_FAILED);
	assert_int_equal(f->answer.why, REASON_INTERNAL);
	assert_non_null(strstr(f->answer.text, "malformed"));
}

static void
an_answer_that_is_too_long_is_refused_by_its_length(void **state)
{
	struct fixture *f = *state;
	char head[16] = "\r\n\r\n\0\r\nQUIT\n\x20\0\xff";

	head[15] = (char)0xff;
	say(f, head, sizeof(head));
	assert_int_equal(egress_read(&f->stream, &f->answer), EGRESS_FAILED);
	assert_int_equal(f->answer.why, REASON_INTERNAL);
}

static void
an_end_before_the_answer_is_no_answer(void **state)
{
	struct fixture *f = *state;
	char bytes[EGRESS_WIRE_MAX];

	say(f, bytes, outcome(EGRESS_CONNECTED, "", bytes) - 1);
	close(f->tlsd);
	f->tlsd = -1;
	assert_int_equal(egress_read(&f->stream, &f->answer), EGRESS_LOST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_for_the_server_by_all_three_names),
		cmocka_unit_test_setup_teardown(
		    the_answer_is_there_with_its_last_byte, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    an_answer_says_when_tlsd_is_about_to_leave, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    bytes_of_the_server_stay_in_the_socket, set_up, tear_down),
		cmocka_unit_test(each_failure_has_its_reason_and_tlsds_words),
		cmocka_unit_test_setup_teardown(
		    an_answer_that_is_none_fails_and_does_not_wait, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    an_answer_that_is_too_long_is_refused_by_its_length, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    an_end_before_the_answer_is_no_answer, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
