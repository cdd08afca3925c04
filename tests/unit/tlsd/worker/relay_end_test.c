/*
 * How a relayed connection ends: whose end arrives where, and as what.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/tlsd/worker/relay_fixture.h"

static void
close_notify_is_half_a_close_and_the_answer_arrives(void **state)
{
	struct fixture *f = *state;
	char c;

	client_sends("POST", 4);
	script.end = TLS_CLOSED;
	script.burst = 2;
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	assert_rproxy_got(f, "POST");
	assert_int_equal(0, read(f->rproxy, &c, 1));
	rproxy_sends(f, "201");
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_client_got("201");
	assert_false(relay_is_over(&f->relay));
	close_rproxy(f);
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_client_got("201" BYE);
	assert_true(relay_is_over(&f->relay));
}

static void
close_notify_waits_for_bytes_that_rproxy_has_not_taken(void **state)
{
	struct fixture *f = *state;
	size_t n = 0;
	ssize_t k;

	script.burst = SIZE_MAX;
	client_sends(big, sizeof(big));
	script.end = TLS_CLOSED;
	for (int i = 0; i < 1000 && f->relay.up_way != RELAY_ENDED; i++) {
		assert_int_equal(RELAY_FINE, run(f, WATCH_READ, WATCH_WRITE));
		while ((k = read(f->rproxy, f->scratch, RELAY_SCRATCH)) > 0)
			n += (size_t)k;
	}
	assert_int_equal(sizeof(big), n);
	assert_int_equal(0, read(f->rproxy, f->scratch, 1));
}

static void
a_client_that_vanishes_is_reported_after_its_last_bytes(void **state)
{
	struct fixture *f = *state;

	client_sends("GET", 3);
	script.end = TLS_TRUNCATED;
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	assert_rproxy_got(f, "GET");
	assert_int_equal(RELAY_VANISHED, run(f, WATCH_READ, 0));
	errno = 0;
	assert_int_equal(-1, read(f->rproxy, f->scratch, 1));
	assert_int_equal(EAGAIN, errno); /* not half-closed: the owner closes */
}

static void
a_client_that_takes_no_more_has_vanished(void **state)
{
	struct fixture *f = *state;

	script.is_reset = true;
	rproxy_sends(f, "200 OK");
	assert_int_equal(RELAY_VANISHED, run(f, 0, WATCH_READ));
}

static void
a_server_that_takes_no_more_is_still_listened_to(void **state)
{
	struct fixture *f = *state;

	f->relay.is_to_server = true;
	script.is_reset = true;
	rproxy_sends(f, "POST");
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	/* what rproxy still sends must not stop it from reading */
	assert_true(relay_backend_wants(&f->relay) & WATCH_READ);
	rproxy_sends(f, "more");
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_int_equal(0, buf_len(&f->tls.out));
	client_sends("413", 3);
	script.end = TLS_TRUNCATED;
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	assert_rproxy_got(f, "413");
	assert_int_equal(RELAY_VANISHED, run(f, WATCH_READ, 0));
}

static void
a_server_that_takes_no_more_is_left_with_rproxy(void **state)
{
	struct fixture *f = *state;

	f->relay.is_to_server = true;
	script.is_reset = true;
	rproxy_sends(f, "POST");
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	close_rproxy(f);
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_true(relay_is_lingering(&f->relay));
}

static void
a_request_that_crosses_the_end_of_an_idle_connection_is_told_apart(void **state)
{
	struct fixture *f = *state;

	/* rproxy is there; the client has begun, but so has nobody else */
	assert_int_equal(write(f->client, "x", 1), 1);
	assert_false(relay_is_crossed(&f->relay, RELAY_IDLE_MS));
	shutdown(f->rproxy, SHUT_WR);
	assert_true(relay_is_crossed(&f->relay, RELAY_IDLE_MS));
	/* without a silence it may be an early answer */
	assert_false(relay_is_crossed(&f->relay, RELAY_IDLE_MS - 1));
	/* part of a request is on its way */
	assert_true(buf_append(&f->relay.up, "y", 1, RELAY_UP_MAX));
	assert_false(relay_is_crossed(&f->relay, RELAY_IDLE_MS));
	buf_consume(&f->relay.up, 1);
	assert_true(relay_is_crossed(&f->relay, RELAY_IDLE_MS));
	/* gone altogether: it was no orderly end */
	close(f->rproxy);
	f->rproxy = -1;
	assert_false(relay_is_crossed(&f->relay, RELAY_IDLE_MS));
}

static void
an_idle_connection_whose_client_is_silent_is_not_crossed(void **state)
{
	struct fixture *f = *state;

	shutdown(f->rproxy, SHUT_WR);
	assert_false(relay_is_crossed(&f->relay, RELAY_IDLE_MS));
	assert_int_equal(write(f->client, "x", 1), 1);
	assert_true(relay_is_crossed(&f->relay, RELAY_IDLE_MS));
}

static void
the_end_of_rproxy_is_close_notify_and_fin(void **state)
{
	struct fixture *f = *state;
	char c;

	rproxy_sends(f, "bye");
	shutdown(f->rproxy, SHUT_WR);
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_int_equal(-1, read(f->client, &c, 1));
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_client_got("bye" BYE);
	assert_int_equal(0, read(f->client, &c, 1));
	script.end = TLS_CLOSED;
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	assert_true(relay_is_over(&f->relay));
}

static void
a_close_without_shutdown_gives_no_close_notify(void **state)
{
	struct fixture *f = *state;
	char c;

	rproxy_sends(f, "half an answer");
	close_rproxy(f);
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_client_got("half an answer");
	assert_int_equal(0, read(f->client, &c, 1));
	assert_true(relay_is_lingering(&f->relay));
}

static void
a_close_after_the_clients_end_is_orderly(void **state)
{
	struct fixture *f = *state;

	script.end = TLS_CLOSED;
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	rproxy_sends(f, "bye");
	close_rproxy(f);
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_client_got("bye" BYE);
	assert_true(relay_is_over(&f->relay));
}

static void
fin_waits_for_a_slow_client(void **state)
{
	struct fixture *f = *state;
	char c;

	script.end = TLS_CLOSED;
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	script.room = 2;
	rproxy_sends(f, "bye");
	shutdown(f->rproxy, SHUT_WR);
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	for (int i = 0; i < 3; i++) {
		assert_false(relay_is_over(&f->relay));
		assert_int_equal(-1, read(f->client, &c, 1));
		assert_int_equal(RELAY_FINE, run(f, WATCH_WRITE, WATCH_READ));
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(RELAY_FINE, run(f, WATCH_WRITE, WATCH_READ));
	assert_client_got("bye" BYE);
	assert_true(relay_is_over(&f->relay));
}

static void
half_a_close_by_rproxy_leaves_the_way_up_open(void **state)
{
	struct fixture *f = *state;

	shutdown(f->rproxy, SHUT_WR);
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_client_got(BYE);
	assert_false(relay_is_lingering(&f->relay));
	client_sends("more", 4);
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	assert_rproxy_got(f, "more");
	script.end = TLS_CLOSED;
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	assert_true(relay_is_over(&f->relay));
}

static void
an_early_answer_arrives_though_the_upload_fails(void **state)
{
	struct fixture *f = *state;

	rproxy_sends(f, "413");
	close_rproxy(f);
	client_sends("too much", 8);
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	assert_int_equal(RELAY_SINK, f->relay.up_way);
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_client_got("413");
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_true(relay_is_lingering(&f->relay));
}

static void
what_a_client_sends_after_the_end_is_dropped(void **state)
{
	struct fixture *f = *state;
	char c;

	close_rproxy(f);
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_int_equal(5, write(f->client, "noise", 5));
	assert_int_equal(WATCH_READ, relay_client_wants(&f->relay));
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	assert_int_equal(0, script.reads);
	assert_int_equal(-1, read(f->tls.fd, &c, 1));
	assert_false(relay_is_over(&f->relay));
	shutdown(f->client, SHUT_WR);
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	assert_true(relay_is_over(&f->relay));
}

static void
a_reset_by_rproxy_gives_no_close_notify(void **state)
{
	struct fixture *f = *state;
	char c;

	client_sends("unread", 6);
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	rproxy_sends(f, "half an ans");
	close_rproxy(f);
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_client_got("half an ans");
	assert_int_equal(0, read(f->client, &c, 1));
	assert_true(relay_is_lingering(&f->relay));
}

static void
a_reset_found_while_sending_gives_no_close_notify_either(void **state)
{
	struct fixture *f = *state;

	client_sends("unread", 6);
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	rproxy_sends(f, "half an ans");
	close_rproxy(f);
	client_sends("more", 4);
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_client_got("half an ans");
	assert_true(relay_is_lingering(&f->relay));
}

static void
ending_from_this_side_sends_what_is_queued(void **state)
{
	struct fixture *f = *state;
	char c;

	assert_true(buf_append(&f->tls.out, "alert", 5, TLS_IO_OUT_MAX));
	relay_end(&f->relay, false);
	assert_int_equal(RELAY_FINE, run(f, 0, 0));
	assert_client_got("alert");
	assert_int_equal(0, read(f->client, &c, 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RELAY_TEST(close_notify_is_half_a_close_and_the_answer_arrives),
		RELAY_TEST(
		    close_notify_waits_for_bytes_that_rproxy_has_not_taken),
		RELAY_TEST(
		    a_client_that_vanishes_is_reported_after_its_last_bytes),
		RELAY_TEST(a_client_that_takes_no_more_has_vanished),
		RELAY_TEST(a_server_that_takes_no_more_is_still_listened_to),
		RELAY_TEST(a_server_that_takes_no_more_is_left_with_rproxy),
		RELAY_TEST(
		    a_request_that_crosses_the_end_of_an_idle_connection_is_told_apart),
		RELAY_TEST(
		    an_idle_connection_whose_client_is_silent_is_not_crossed),
		RELAY_TEST(the_end_of_rproxy_is_close_notify_and_fin),
		RELAY_TEST(a_close_without_shutdown_gives_no_close_notify),
		RELAY_TEST(a_close_after_the_clients_end_is_orderly),
		RELAY_TEST(fin_waits_for_a_slow_client),
		RELAY_TEST(half_a_close_by_rproxy_leaves_the_way_up_open),
		RELAY_TEST(an_early_answer_arrives_though_the_upload_fails),
		RELAY_TEST(what_a_client_sends_after_the_end_is_dropped),
		RELAY_TEST(a_reset_by_rproxy_gives_no_close_notify),
		RELAY_TEST(
		    a_reset_found_while_sending_gives_no_close_notify_either),
		RELAY_TEST(ending_from_this_side_sends_what_is_queued),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
