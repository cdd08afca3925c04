/*
 * Records between an OpenSSL client and the worker's TLS half.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "tests/unit/tlsd/worker/sites_fixture.h"

static void
reads_all_records_of_one_recv_with_any_room(void **state)
{
	static const size_t rooms[] = { 1, 7, 100, 1000, 4096 };
	struct link l;

	(void)state;
	establish(&l);
	for (size_t r = 0; r < ARRAY_LEN(rooms); r++) {
		char in[4096];
		size_t total = 0, n;

		for (unsigned i = 0; i < 5; i++)
			assert_int_equal(
			    SSL_write(l.client, "0123456789", 10), 10);
		do {
			assert_int_equal(
			    tls_io_read(&l.server, in, rooms[r], &n), TLS_OK);
			assert_true(n > 0 && n <= rooms[r]);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(
				    in[i], '0' + (int)((total + i) % 10));
			/* one recv() brought all of it */
			assert_int_equal(
			    l.server.recvs_left, total == 0 ? 0 : 1);
			total += n;
		} while (tls_io_has_more(&l.server));
		assert_int_equal(total, 50);
		assert_int_equal(
		    tls_io_read(&l.server, in, rooms[r], &n), TLS_WANT_READ);
	}
	link_close(&l);
}

static void
half_a_record_is_not_more(void **state)
{
	BIO *written = BIO_new(BIO_s_mem());
	char *wire, in[100];
	struct link l;
	long len;
	size_t n;

	(void)state;
	establish(&l);
	SSL_set0_wbio(l.client, written);
	SSL_write(l.client, "first", 5);
	SSL_write(l.client, "second", 6);
	len = BIO_get_mem_data(written, &wire);
	assert_int_equal(send(l.client_fd, wire, (size_t)len - 3, 0), len - 3);
	assert_int_equal(tls_io_read(&l.server, in, sizeof(in), &n), TLS_OK);
	assert_int_equal(n, 5);
	assert_false(tls_io_has_more(&l.server));
	assert_int_equal(
	    tls_io_read(&l.server, in, sizeof(in), &n), TLS_WANT_READ);
	assert_int_equal(send(l.client_fd, wire + len - 3, 3, 0), 3);
	assert_int_equal(tls_io_read(&l.server, in, sizeof(in), &n), TLS_OK);
	assert_int_equal(n, 6);
	assert_memory_equal(in, "second", 6);
	link_close(&l);
}

/* A pattern that shows bytes lost, doubled or swapped. */
static char
pattern(size_t i)
{
	return (char)(i * 7 + i / 251);
}

/* What the client can read now; checks it against the pattern. */
static void
drain_client(struct link *l, size_t *received)
{
	static char in[32768];
	int n;

	while ((n = SSL_read(l->client, in, sizeof(in))) > 0)
		for (int i = 0; i < n; i++)
			assert_int_equal(in[i], pattern((*received)++));
	ERR_clear_error();
}

static void
a_client_that_does_not_read_stops_the_writer(void **state)
{
	enum {
		TOTAL = 3 * 1024 * 1024
	};
	static char out[TOTAL];
	size_t sent = 0, received = 0, taken;
	bool was_full = false;
	struct link l;

	(void)state;
	for (size_t i = 0; i < TOTAL; i++)
		out[i] = pattern(i);
	establish(&l);
	while (received < TOTAL) {
		enum tls_verdict v = TLS_OK;

		while (sent < TOTAL && v == TLS_OK) {
			v = tls_io_write(
			    &l.server, out + sent, TOTAL - sent, &taken);
			sent += taken;
			assert_true(buf_len(&l.server.out) <= TLS_IO_OUT_MAX);
		}
		if (v == TLS_WANT_WRITE)
			was_full = true;
		v = tls_io_flush(&l.server);
		assert_true(v == TLS_OK || v == TLS_WANT_WRITE);
		if (v == TLS_WANT_WRITE || sent == TOTAL)
			drain_client(&l, &received);
	}
	assert_true(was_full);
	assert_int_equal(received, TOTAL);
	assert_int_equal(buf_storage_bytes(&l.server.out), 0);
	link_close(&l);
}

static void
writes_several_records_with_one_send(void **state)
{
	static char out[100000];
	size_t taken, received = 0;
	struct link l;

	(void)state;
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = pattern(i);
	establish(&l);
	assert_int_equal(
	    tls_io_write(&l.server, out, sizeof(out), &taken), TLS_OK);
	assert_int_equal(taken, sizeof(out));
	assert_true(buf_len(&l.server.out) > sizeof(out));
	while (tls_io_flush(&l.server) != TLS_OK)
		drain_client(&l, &received);
	drain_client(&l, &received);
	assert_int_equal(received, sizeof(out));
	link_close(&l);
}

static void
delivers_the_last_bytes_before_the_end(void **state)
{
	char in[100];
	struct link l;
	size_t n;

	(void)state;
	establish(&l);
	SSL_write(l.client, "last", 4);
	SSL_shutdown(l.client);
	assert_int_equal(tls_io_read(&l.server, in, sizeof(in), &n), TLS_OK);
	assert_int_equal(n, 4);
	assert_true(tls_io_has_more(&l.server));
	assert_int_equal(
	    tls_io_read(&l.server, in, sizeof(in), &n), TLS_CLOSED);
	assert_int_equal(n, 0);
	/* our half is still open */
	assert_int_equal(tls_io_write(&l.server, "bye", 3, &n), TLS_OK);
	tls_io_shutdown(&l.server);
	tls_io_shutdown(&l.server);
	assert_int_equal(tls_io_flush(&l.server), TLS_OK);
	assert_int_equal(SSL_read(l.client, in, sizeof(in)), 3);
	assert_int_equal(SSL_read(l.client, in, sizeof(in)), 0);
	assert_int_equal(SSL_get_error(l.client, 0), SSL_ERROR_ZERO_RETURN);
	link_close(&l);
}

static void
an_end_without_close_notify_is_truncation(void **state)
{
	char in[100];
	struct link l;
	size_t n;

	(void)state;
	establish(&l);
	SSL_write(l.client, "data", 4);
	shutdown(l.client_fd, SHUT_WR);
	assert_int_equal(tls_io_read(&l.server, in, sizeof(in), &n), TLS_OK);
	assert_int_equal(
	    tls_io_read(&l.server, in, sizeof(in), &n), TLS_TRUNCATED);
	link_close(&l);
}

static void
a_forged_record_fails_with_bad_record_mac(void **state)
{
	static const char forged[] = "\x17\x03\x03\x00\x20"
				     "0123456789abcdef0123456789abcdef";
	char in[100];
	struct link l;
	size_t n;

	(void)state;
	establish(&l);
	send(l.client_fd, forged, sizeof(forged) - 1, 0);
	assert_int_equal(
	    tls_io_read(&l.server, in, sizeof(in), &n), TLS_FAILED);
	assert_string_equal(tls_io_error(&l.server), "bad_record_mac");
	assert_int_equal(
	    tls_io_read(&l.server, in, sizeof(in), &n), TLS_FAILED);
	assert_int_equal(tls_io_write(&l.server, "x", 1, &n), TLS_FAILED);
	/* the alert goes out */
	assert_true(buf_len(&l.server.out) > 0);
	link_close(&l);
}

static void
does_not_renegotiate(void **state)
{
	SSL_CTX *ctx = trusting_client(TLS1_2_VERSION);
	char in[100];
	struct link l;
	size_t n;

	(void)state;
	link_open(&l, ctx, "rsa.test");
	link_shake_hands(&l);
	assert_int_equal(SSL_renegotiate(l.client), 1);
	SSL_do_handshake(l.client);
	ERR_clear_error();
	/* a warning, and life goes on; the client gives up */
	assert_int_equal(
	    tls_io_read(&l.server, in, sizeof(in), &n), TLS_WANT_READ);
	assert_int_equal(tls_io_flush(&l.server), TLS_OK);
	assert_true(l.server.has_refused_another);
	/* but not for ever: see key_updates_without_end_are_a_flood */
	assert_in_range(l.server.n_late, 1, 3);
	assert_true(SSL_do_handshake(l.client) <= 0);
	ERR_clear_error();
	/* with an alert, which is what is wrong in the end */
	assert_int_equal(
	    tls_io_read(&l.server, in, sizeof(in), &n), TLS_FAILED);
	assert_string_equal(tls_io_error(&l.server), "handshake_failure");
	assert_true(l.server.alert_from_peer);
	link_close(&l);
	SSL_CTX_free(ctx);
}

/* Nor takes the word with which we do for the peer's asking. */
static void
is_not_asked_by_a_refusal_of_the_peer(void **state)
{
	SSL_CTX *ctx = trusting_client(TLS1_2_VERSION);
	char in[100];
	struct link l;
	size_t n;

	(void)state;
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	link_open(&l, ctx, "rsa.test");
	link_shake_hands(&l);
	SSL_clear_options(l.server.ssl, SSL_OP_NO_RENEGOTIATION);
	assert_int_equal(SSL_renegotiate(l.server.ssl), 1);
	assert_int_equal(
	    tls_io_read(&l.server, in, sizeof(in), &n), TLS_WANT_READ);
	assert_int_equal(tls_io_flush(&l.server), TLS_OK);
	assert_true(SSL_read(l.client, in, sizeof(in)) <= 0);
	ERR_clear_error();
	assert_int_equal(
	    tls_io_read(&l.server, in, sizeof(in), &n), TLS_FAILED);
	assert_string_equal(tls_io_error(&l.server), "no_renegotiation");
	assert_true(l.server.alert_from_peer);
	assert_false(l.server.has_refused_another);
	link_close(&l);
	SSL_CTX_free(ctx);
}

static void
a_key_update_is_answered_in_the_stream(void **state)
{
	SSL_CTX *ctx = trusting_client(TLS1_3_VERSION);
	struct link l;

	(void)state;
	link_open(&l, ctx, "rsa.test");
	link_shake_hands(&l);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(
		    SSL_key_update(l.client, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_true(link_echoes(&l));
	}
	link_close(&l);
	SSL_CTX_free(ctx);
}

/* Reads until something other than "later"; what the client sends is small. */
static enum tls_verdict
read_some(struct link *l)
{
	char in[1024];
	size_t n;

	(void)tls_io_flush(&l->server);
	return tls_io_read(&l->server, in, sizeof(in), &n);
}

static void
key_updates_without_end_are_a_flood(void **state)
{
	SSL_CTX *ctx = trusting_client(TLS1_3_VERSION);
	enum tls_verdict v = TLS_WANT_READ;
	struct link l;
	unsigned n = 0;

	(void)state;
	link_open(&l, ctx, "rsa.test");
	link_shake_hands(&l);
	for (; v == TLS_WANT_READ && n < 1000; n++) {
		SSL_key_update(l.client, SSL_KEY_UPDATE_REQUESTED);
		SSL_do_handshake(l.client);
		v = read_some(&l);
	}
	assert_int_equal(v, TLS_FAILED);
	assert_string_equal(tls_io_error(&l.server), "message_flood");
	assert_true(l.server.is_flood);
	assert_in_range(n, 50, 400);
	link_close(&l);
	SSL_CTX_free(ctx);
}

static void
key_updates_between_much_data_are_not(void **state)
{
	static char block[256 * 1024], in[256 * 1024];
	SSL_CTX *ctx = trusting_client(TLS1_3_VERSION);
	struct link l;

	(void)state;
	link_open(&l, ctx, "rsa.test");
	SSL_set_mode(l.client, SSL_MODE_ENABLE_PARTIAL_WRITE);
	link_shake_hands(&l);
	for (unsigned i = 0; i < 600; i++) {
		size_t sent = 0, got = 0, n;

		SSL_key_update(l.client, SSL_KEY_UPDATE_NOT_REQUESTED);
		while (got < 32 * 1024) {
			if (SSL_write_ex(l.client, block, 32 * 1024 - sent, &n))
				sent += n;
			assert_int_not_equal(
			    tls_io_read(&l.server, in, sizeof(in), &n),
			    TLS_FAILED);
			got += n;
			if (sent == 32 * 1024 && n == 0)
				break;
		}
	}
	assert_false(l.server.is_flood);
	link_close(&l);
	SSL_CTX_free(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all_records_of_one_recv_with_any_room),
		cmocka_unit_test(half_a_record_is_not_more),
		cmocka_unit_test(a_client_that_does_not_read_stops_the_writer),
		cmocka_unit_test(writes_several_records_with_one_send),
		cmocka_unit_test(delivers_the_last_bytes_before_the_end),
		cmocka_unit_test(an_end_without_close_notify_is_truncation),
		cmocka_unit_test(a_forged_record_fails_with_bad_record_mac),
		cmocka_unit_test(does_not_renegotiate),
		cmocka_unit_test(is_not_asked_by_a_refusal_of_the_peer),
		cmocka_unit_test(a_key_update_is_answered_in_the_stream),
		cmocka_unit_test(key_updates_without_end_are_a_flood),
		cmocka_unit_test(key_updates_between_much_data_are_not),
	};

	return cmocka_run_group_tests(tests, sites_set_up, sites_tear_down);
}
