/*
 * relay.c between a scripted OpenSSL (this file defines tls_io_*) and real
 * sockets: a Unix stream pair for rproxy, another pair for the client's raw
 * socket.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/watch.h"
#include "tlsd/worker/relay.h"

#define BYE "[bye]"

/* the scripted OpenSSL ---------------------------------------------------- */

struct script {
	const char *in;       /* decrypted bytes to come */
	size_t in_len;        /* left */
	size_t record;        /* bytes that one read brings */
	size_t burst;         /* records at hand without asking the socket */
	size_t at_hand;       /* of them, left */
	enum tls_verdict end; /* after the last byte */
	unsigned reads;
	size_t room;   /* bytes that the client's socket takes per flush */
	bool is_reset; /* or none ever more */
	char sent[1 << 20];
	size_t n_sent;
	unsigned flushes;
	bool is_broken;
};

static struct script script;

enum tls_verdict
tls_io_read(struct tls_io *t, char *room, size_t room_bytes, size_t *n)
{
	(void)t;
	script.reads++;
	if (script.in_len == 0)
		return script.end;
	if (script.at_hand == 0)
		script.at_hand = script.burst;
	script.at_hand--;
	*n = script.record < script.in_len ? script.record : script.in_len;
	*n = *n < room_bytes ? *n : room_bytes;
	memcpy(room, script.in, *n);
	script.in += *n;
	script.in_len -= *n;
	return TLS_OK;
}

bool
tls_io_has_more(const struct tls_io *t)
{
	(void)t;
	return script.at_hand > 0 && script.in_len > 0;
}

enum tls_verdict
tls_io_write(struct tls_io *t, const char *p, size_t len, size_t *taken)
{
	if (script.is_broken)
		return TLS_FAILED;
	assert_true(buf_append(&t->out, p, len, TLS_IO_OUT_MAX));
	*taken = len;
	return TLS_OK;
}

enum tls_verdict
tls_io_flush(struct tls_io *t)
{
	struct slice s = slice_first(buf_slice(&t->out), script.room);

	script.flushes++;
	if (script.is_reset)
		return TLS_TRUNCATED;
	memcpy(script.sent + script.n_sent, s.p, s.len);
	script.n_sent += s.len;
	buf_consume(&t->out, s.len);
	buf_release_if_empty(&t->out);
	return buf_len(&t->out) == 0 ? TLS_OK : TLS_WANT_WRITE;
}

void
tls_io_shutdown(struct tls_io *t)
{
	assert_true(buf_append(&t->out, BYE, strlen(BYE), TLS_IO_OUT_MAX));
}

/* fixture ----------------------------------------------------------------- */

struct fixture {
	struct tls_io tls;
	struct relay relay;
	struct relay_moved moved;
	int rproxy; /* rproxy's end of its connection, -1: closed */
	int client; /* the client's end of the raw socket */
	int ours;
	char *scratch;
};

static char big[512 * 1024];

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int pair[2];

	script = (struct script){ .record = 16384,
		.burst = 1,
		.end = TLS_WANT_READ,
		.room = SIZE_MAX };
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 2654435761u >> 13);
	f->scratch = malloc(RELAY_SCRATCH);
	assert_int_equal(
	    0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	f->ours = pair[0];
	f->rproxy = pair[1];
	relay_init(&f->relay, &f->tls, false, SIZE_MAX);
	relay_attach(&f->relay, f->ours);
	assert_int_equal(
	    0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	f->tls.fd = pair[0];
	f->client = pair[1];
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	relay_fini(&f->relay);
	buf_release(&f->tls.out);
	close(f->ours);
	close(f->tls.fd);
	close(f->client);
	if (f->rproxy >= 0)
		close(f->rproxy);
	free(f->scratch);
	free(f);
	return 0;
}

static enum relay_verdict
run(struct fixture *f, unsigned client, unsigned backend)
{
	return relay_run(&f->relay, client, backend, f->scratch, &f->moved);
}

static void
client_sends(const char *p, size_t len)
{
	script.in = p;
	script.in_len = len;
}

static void
rproxy_sends(struct fixture *f, const char *text)
{
	assert_int_equal(strlen(text), write(f->rproxy, text, strlen(text)));
}

static void
assert_rproxy_got(struct fixture *f, const char *want)
{
	char got[256] = "";

	(void)!read(f->rproxy, got, sizeof(got) - 1);
	assert_string_equal(want, got);
}

static void
assert_client_got(const char *want)
{
	assert_int_equal(strlen(want), script.n_sent);
	assert_memory_equal(want, script.sent, script.n_sent);
}

static void
close_rproxy(struct fixture *f)
{
	close(f->rproxy);
	f->rproxy = -1;
}

/* the steady state -------------------------------------------------------- */

static void
a_request_costs_one_read_and_one_send(void **state)
{
	struct fixture *f = *state;

	client_sends("GET /", 5);
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	assert_int_equal(1, script.reads);
	assert_int_equal(5, f->moved.up);
	assert_rproxy_got(f, "GET /");
	assert_int_equal(buf_storage_bytes(&f->relay.up), 0);
	assert_int_equal(WATCH_READ, relay_client_wants(&f->relay));
	assert_int_equal(WATCH_READ, relay_backend_wants(&f->relay));
}

static void
a_response_costs_one_read_and_one_flush(void **state)
{
	struct fixture *f = *state;

	rproxy_sends(f, "200 OK");
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_int_equal(0, script.reads);
	assert_int_equal(1, script.flushes);
	assert_int_equal(6, f->moved.down);
	assert_client_got("200 OK");
	assert_int_equal(WATCH_READ, relay_client_wants(&f->relay));
	assert_int_equal(WATCH_READ, relay_backend_wants(&f->relay));
}

static void
without_events_nothing_is_read(void **state)
{
	struct fixture *f = *state;

	client_sends("GET /", 5);
	rproxy_sends(f, "200 OK");
	assert_int_equal(RELAY_FINE, run(f, 0, 0));
	assert_int_equal(0, script.reads);
	assert_int_equal(0, script.n_sent);
}

static void
records_at_hand_leave_in_one_send(void **state)
{
	struct fixture *f = *state;
	char got[64];

	script.record = 4;
	script.burst = 8;
	client_sends("aaaabbbbcccc", 12);
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	assert_int_equal(3, script.reads);
	assert_int_equal(12, read(f->rproxy, got, sizeof(got)));
	assert_memory_equal("aaaabbbbcccc", got, 12);
}

static void
one_byte_at_a_time_gives_the_same_bytes(void **state)
{
	struct fixture *f = *state;
	char got[5000];
	size_t n = 0;

	script.record = 1;
	client_sends(big, sizeof(got));
	while (n < sizeof(got)) {
		assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
		assert_int_equal(1, read(f->rproxy, got + n, sizeof(got) - n));
		n++;
	}
	assert_memory_equal(big, got, sizeof(got));
}

/* back-pressure ----------------------------------------------------------- */

static void
a_full_rproxy_stops_reading_from_the_client(void **state)
{
	struct fixture *f = *state;
	unsigned reads;

	script.burst = SIZE_MAX;
	client_sends(big, sizeof(big));
	for (int i = 0; i < 8; i++)
		assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	reads = script.reads;
	assert_true(script.in_len > 0);
	assert_true(buf_len(&f->relay.up) > 0);
	assert_true(buf_len(&f->relay.up) <= RELAY_SCRATCH);
	assert_int_equal(0, relay_client_wants(&f->relay));
	assert_true(relay_backend_wants(&f->relay) & WATCH_WRITE);
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	assert_int_equal(reads, script.reads);
}

static void
everything_arrives_when_rproxy_reads_again(void **state)
{
	struct fixture *f = *state;
	char *got = malloc(sizeof(big));
	size_t n = 0;
	ssize_t k;

	script.burst = SIZE_MAX;
	client_sends(big, sizeof(big));
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	for (int i = 0; i < 1000 && n < sizeof(big); i++) {
		while ((k = read(f->rproxy, got + n, sizeof(big) - n)) > 0)
			n += (size_t)k;
		/* no event for the client: OpenSSL holds the rest */
		assert_int_equal(RELAY_FINE, run(f, 0, WATCH_WRITE));
	}
	assert_int_equal(sizeof(big), n);
	assert_memory_equal(big, got, n);
	assert_int_equal(buf_storage_bytes(&f->relay.up), 0);
	assert_int_equal(WATCH_READ, relay_backend_wants(&f->relay));
	free(got);
}

static void
one_wakeup_moves_no_more_than_the_budget(void **state)
{
	struct fixture *f = *state;
	int queue_bytes = 208 * 1024; /* the kernel doubles it */

	assert_int_equal(0, setsockopt(f->ours, SOL_SOCKET, SO_SNDBUF,
				&queue_bytes, sizeof(queue_bytes)));
	script.burst = SIZE_MAX;
	client_sends(big, sizeof(big));
	assert_int_equal(RELAY_FINE, run(f, WATCH_READ, 0));
	assert_int_equal(RELAY_BUDGET, f->moved.up);
	/* and asks to be called again though no byte is in any socket */
	assert_true(relay_backend_wants(&f->relay) & WATCH_WRITE);
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_WRITE));
	assert_int_equal(sizeof(big) - RELAY_BUDGET, f->moved.up);
}

static void
a_slow_client_stops_reading_from_rproxy(void **state)
{
	struct fixture *f = *state;

	script.room = 3;
	rproxy_sends(f, "abcdef");
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_client_got("abc");
	assert_int_equal(
	    WATCH_READ | WATCH_WRITE, relay_client_wants(&f->relay));
	assert_int_equal(0, relay_backend_wants(&f->relay));
	rproxy_sends(f, "ghi");
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_client_got("abc");
	assert_int_equal(RELAY_FINE, run(f, WATCH_WRITE, 0));
	assert_client_got("abcdef");
	assert_int_equal(buf_storage_bytes(&f->tls.out), 0);
	assert_int_equal(RELAY_FINE, run(f, 0, WATCH_READ));
	assert_client_got("abcdefghi");
}

/* ends -------------------------------------------------------------------- */

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

static void
a_failing_encryption_breaks_the_connection(void **state)
{
	struct fixture *f = *state;

	script.is_broken = true;
	rproxy_sends(f, "200");
	assert_int_equal(RELAY_BROKEN, run(f, 0, WATCH_READ));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_costs_one_read_and_one_send),
		TEST(a_response_costs_one_read_and_one_flush),
		TEST(without_events_nothing_is_read),
		TEST(records_at_hand_leave_in_one_send),
		TEST(one_byte_at_a_time_gives_the_same_bytes),
		TEST(a_full_rproxy_stops_reading_from_the_client),
		TEST(everything_arrives_when_rproxy_reads_again),
		TEST(one_wakeup_moves_no_more_than_the_budget),
		TEST(a_slow_client_stops_reading_from_rproxy),
		TEST(close_notify_is_half_a_close_and_the_answer_arrives),
		TEST(close_notify_waits_for_bytes_that_rproxy_has_not_taken),
		TEST(a_client_that_vanishes_is_reported_after_its_last_bytes),
		TEST(a_client_that_takes_no_more_has_vanished),
		TEST(a_server_that_takes_no_more_is_still_listened_to),
		TEST(a_server_that_takes_no_more_is_left_with_rproxy),
		TEST(
		    a_request_that_crosses_the_end_of_an_idle_connection_is_told_apart),
		TEST(an_idle_connection_whose_client_is_silent_is_not_crossed),
		TEST(the_end_of_rproxy_is_close_notify_and_fin),
		TEST(a_close_without_shutdown_gives_no_close_notify),
		TEST(a_close_after_the_clients_end_is_orderly),
		TEST(fin_waits_for_a_slow_client),
		TEST(half_a_close_by_rproxy_leaves_the_way_up_open),
		TEST(an_early_answer_arrives_though_the_upload_fails),
		TEST(what_a_client_sends_after_the_end_is_dropped),
		TEST(a_reset_by_rproxy_gives_no_close_notify),
		TEST(a_reset_found_while_sending_gives_no_close_notify_either),
		TEST(ending_from_this_side_sends_what_is_queued),
		TEST(a_failing_encryption_breaks_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
