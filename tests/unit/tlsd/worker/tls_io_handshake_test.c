/*
 * Handshakes between an OpenSSL client and the worker's TLS half: what is
 * agreed on, what is refused, and what is said of the reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "tests/unit/tlsd/worker/sites_fixture.h"

/* names ------------------------------------------------------------------- */

static void
chooses_the_site_by_server_name(void **state)
{
	static const struct {
		const char *name;
		const char *site;
	} cases[] = {
		{ "rsa.test", "rsa.test" },
		{ "RSA.Test", "rsa.test" },
		{ "p384.test", "p384.test" },
		{ "a.wild.test", "p256.test" },
	};
	SSL_CTX *ctx = trusting_client(0);
	struct link l;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		link_open(&l, ctx, cases[i].name);
		link_shake_hands(&l);
		assert_int_equal(l.verdict, TLS_OK);
		assert_string_equal(l.server.site->name, cases[i].site);
		link_close(&l);
	}
	SSL_CTX_free(ctx);
}

static void
refuses_names_that_no_site_claims(void **state)
{
	SSL_CTX *ctx = trusting_client(0);
	struct link l;

	(void)state;
	link_open(&l, ctx, "other.test");
	assert_fails(&l, "unrecognized_name", false);
	assert_null(l.server.site);
	link_close(&l);
	/* a site without [tls] */
	link_open(&l, ctx, "plain.test");
	assert_fails(&l, "unrecognized_name", false);
	link_close(&l);
	link_open(&l, ctx, NULL);
	assert_fails(&l, "unrecognized_name", false);
	link_close(&l);
	SSL_CTX_free(ctx);
}

/* what is agreed on ------------------------------------------------------- */

static void
speaks_http_1_1_or_nothing(void **state)
{
	static const unsigned char both[] = "\x02h2\x08http/1.1";
	static const unsigned char old[] = "\x08http/1.0";
	SSL_CTX *ctx = trusting_client(0);
	const unsigned char *alpn;
	unsigned alpn_bytes;
	struct link l;

	(void)state;
	link_open(&l, ctx, "rsa.test");
	SSL_set_alpn_protos(l.client, both, sizeof(both) - 1);
	link_shake_hands(&l);
	assert_int_equal(l.verdict, TLS_OK);
	SSL_get0_alpn_selected(l.client, &alpn, &alpn_bytes);
	assert_int_equal(alpn_bytes, 8);
	assert_memory_equal(alpn, "http/1.1", 8);
	link_close(&l);

	link_open(&l, ctx, "rsa.test");
	SSL_set_alpn_protos(l.client, old, sizeof(old) - 1);
	link_shake_hands(&l);
	assert_int_equal(l.verdict, TLS_OK);
	SSL_get0_alpn_selected(l.client, &alpn, &alpn_bytes);
	assert_memory_equal(alpn, "http/1.0", 8);
	link_close(&l);

	link_open(&l, ctx, "rsa.test");
	SSL_set_alpn_protos(l.client, both, 3);
	assert_fails(&l, "no_application_protocol", false);
	link_close(&l);
	SSL_CTX_free(ctx);
}

static void
refuses_what_is_older_than_ecdhe_with_aead(void **state)
{
	static const char *const old[] = { "AES128-GCM-SHA256",
		"ECDHE-RSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256" };
	struct link l;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(old); i++) {
		SSL_CTX *ctx = trusting_client(TLS1_2_VERSION);

		assert_int_equal(SSL_CTX_set_cipher_list(ctx, old[i]), 1);
		link_open(&l, ctx, "rsa.test");
		assert_fails(&l, "handshake_failure", false);
		link_close(&l);
		SSL_CTX_free(ctx);
	}
}

static void
never_signs_a_sha1(void **state)
{
	SSL_CTX *ctx = client_context(TLS1_2_VERSION);
	struct link l;

	(void)state;
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set1_sigalgs_list(ctx, "RSA+SHA1:RSA+SHA224");
	link_open(&l, ctx, "rsa.test");
	assert_fails(&l, "handshake_failure", false);
	link_close(&l);
	SSL_CTX_free(ctx);
}

static void
says_which_alert_the_client_sent(void **state)
{
	SSL_CTX *ctx = client_context(TLS1_2_VERSION);
	struct link l;

	(void)state;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL); /* trusts nobody */
	link_open(&l, ctx, "rsa.test");
	assert_fails(&l, "unknown_ca", true);
	link_close(&l);
	SSL_CTX_free(ctx);
}

static void
tells_plain_http_from_other_noise(void **state)
{
	static const struct {
		const char *bytes;
		const char *error;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "http_request" },
		{ "POST /x HTTP/1.1\r\n", "http_request" },
		{ "SSH-2.0-OpenSSH_9.2\r\n", "protocol_error" },
	};
	SSL_CTX *ctx = client_context(0);
	struct link l;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		link_open(&l, ctx, "rsa.test");
		assert_true(send(l.client_fd, cases[i].bytes,
				strlen(cases[i].bytes), 0) > 0);
		for (unsigned k = 0; k < 5; k++)
			step_server(&l);
		assert_int_equal(l.verdict, TLS_FAILED);
		assert_string_equal(tls_io_error(&l.server), cases[i].error);
		link_close(&l);
	}
	SSL_CTX_free(ctx);
}

static void
a_client_that_leaves_during_the_handshake_is_truncated(void **state)
{
	SSL_CTX *ctx = trusting_client(0);
	struct link l;

	(void)state;
	link_open(&l, ctx, "rsa.test");
	shutdown(l.client_fd, SHUT_WR);
	step_server(&l);
	assert_int_equal(l.verdict, TLS_TRUNCATED);
	link_close(&l);

	link_open(&l, ctx, "rsa.test");
	link_reach_signer(&l);
	shutdown(l.client_fd, SHUT_RDWR);
	l.client_error = SSL_ERROR_SYSCALL;
	link_shake_hands(&l);
	assert_int_equal(l.verdict, TLS_TRUNCATED);
	link_close(&l);
	SSL_CTX_free(ctx);
}

static void
a_client_that_leaves_after_its_finished_has_shaken_hands(void **state)
{
	SSL_CTX *ctx = trusting_client(TLS1_3_VERSION);
	char in[16];
	struct link l;
	size_t n;

	(void)state;
	link_open(&l, ctx, "rsa.test");
	while (l.client_error == SSL_ERROR_WANT_READ) {
		step_client(&l);
		if (l.client_error != SSL_ERROR_WANT_READ)
			break;
		step_server(&l);
		while (is_signer_asked(&l))
			uv_run(&gateway.loop, UV_RUN_ONCE);
	}
	shutdown(l.client_fd, SHUT_RDWR);
	step_server(&l);
	assert_int_equal(l.verdict, TLS_OK);
	assert_int_equal(
	    tls_io_read(&l.server, in, sizeof(in), &n), TLS_TRUNCATED);
	link_close(&l);
	SSL_CTX_free(ctx);
}

/* Moves what the client has written, one byte at a time. */
static void
dribble(struct link *l, BIO *written)
{
	char byte;

	while (BIO_read(written, &byte, 1) == 1) {
		assert_int_equal(send(l->client_fd, &byte, 1, 0), 1);
		step_server(l);
		while (is_signer_asked(l))
			uv_run(&gateway.loop, UV_RUN_ONCE);
	}
	step_server(l);
}

static void
a_handshake_one_byte_at_a_time_gives_the_same_answer(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		SSL_CTX *ctx = trusting_client(versions[v]);
		BIO *written = BIO_new(BIO_s_mem());
		struct link l;

		link_open(&l, ctx, "rsa.test");
		SSL_set0_wbio(l.client, written);
		for (unsigned i = 0; i < 10; i++) {
			step_client(&l);
			dribble(&l, written);
		}
		assert_int_equal(l.verdict, TLS_OK);
		assert_int_equal(l.client_error, SSL_ERROR_NONE);
		assert_int_equal(SSL_version(l.client), versions[v]);
		link_close(&l);
		SSL_CTX_free(ctx);
	}
}

/* A key's data are a provider's. */
static void
expect_no_keys(SSL *ssl)
{
	EVP_PKEY *key[2] = { NULL, NULL }; /* TLS 1.2 keeps none */

	SSL_get_tmp_key(ssl, &key[0]);
	SSL_get_peer_tmp_key(ssl, &key[1]);
	for (size_t i = 0; i < ARRAY_LEN(key); i++) {
		if (key[i] != NULL)
			assert_null(EVP_PKEY_get0_provider(key[i]));
		EVP_PKEY_free(key[i]);
	}
}

static void
keys_of_the_exchange_are_gone_once_it_is_settled(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	static const char *const groups[] = { "X25519", "P-256", "P-384" };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(groups); i++) {
		SSL_CTX *ctx = trusting_client(versions[i % 2]);
		struct link l;

		NEED(SSL_CTX_set1_groups_list(ctx, groups[i / 2]) == 1);
		link_open(&l, ctx, "rsa.test");
		link_shake_hands(&l);
		expect_no_keys(l.server.ssl);
		assert_true(link_echoes(&l));
		link_close(&l);
		SSL_CTX_free(ctx);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chooses_the_site_by_server_name),
		cmocka_unit_test(refuses_names_that_no_site_claims),
		cmocka_unit_test(speaks_http_1_1_or_nothing),
		cmocka_unit_test(refuses_what_is_older_than_ecdhe_with_aead),
		cmocka_unit_test(never_signs_a_sha1),
		cmocka_unit_test(says_which_alert_the_client_sent),
		cmocka_unit_test(tells_plain_http_from_other_noise),
		cmocka_unit_test(
		    a_client_that_leaves_during_the_handshake_is_truncated),
		cmocka_unit_test(
		    a_client_that_leaves_after_its_finished_has_shaken_hands),
		cmocka_unit_test(
		    a_handshake_one_byte_at_a_time_gives_the_same_answer),
		cmocka_unit_test(
		    keys_of_the_exchange_are_gone_once_it_is_settled),
	};

	return cmocka_run_group_tests(tests, sites_set_up, sites_tear_down);
}
