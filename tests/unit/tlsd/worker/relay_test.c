/*
 * Bytes through a relay: what they cost, and who waits for whom.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/tlsd/worker/relay_fixture.h"

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

static void
a_failing_encryption_breaks_the_connection(void **state)
{
	struct fixture *f = *state;

	script.is_broken = true;
	rproxy_sends(f, "200");
	assert_int_equal(RELAY_BROKEN, run(f, 0, WATCH_READ));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RELAY_TEST(a_request_costs_one_read_and_one_send),
		RELAY_TEST(a_response_costs_one_read_and_one_flush),
		RELAY_TEST(without_events_nothing_is_read),
		RELAY_TEST(records_at_hand_leave_in_one_send),
		RELAY_TEST(one_byte_at_a_time_gives_the_same_bytes),
		RELAY_TEST(a_full_rproxy_stops_reading_from_the_client),
		RELAY_TEST(everything_arrives_when_rproxy_reads_again),
		RELAY_TEST(one_wakeup_moves_no_more_than_the_budget),
		RELAY_TEST(a_slow_client_stops_reading_from_rproxy),
		RELAY_TEST(a_failing_encryption_breaks_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
