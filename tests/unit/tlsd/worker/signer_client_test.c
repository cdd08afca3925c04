/*
 * Handshakes that a real signer process signs for: every kind of key, many at
 * once, and the signer's death.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "tests/unit/tlsd/worker/sites_fixture.h"

/* signatures -------------------------------------------------------------- */

static void
signs_with_every_kind_of_key_in_both_versions(void **state)
{
	static const struct {
		const char *site;
		int version;
		const char *offer; /* NULL: OpenSSL's own */
		int kind;
		int digest;
	} cases[] = {
		{ "rsa", TLS1_3_VERSION, NULL, NID_rsassaPss, NID_sha256 },
		{ "rsa", TLS1_3_VERSION, "rsa_pss_rsae_sha384", NID_rsassaPss,
		    NID_sha384 },
		{ "rsa", TLS1_3_VERSION, "rsa_pss_rsae_sha512", NID_rsassaPss,
		    NID_sha512 },
		{ "rsa", TLS1_2_VERSION, "rsa_pss_rsae_sha256", NID_rsassaPss,
		    NID_sha256 },
		{ "rsa", TLS1_2_VERSION, "RSA+SHA256", NID_rsaEncryption,
		    NID_sha256 },
		{ "rsa", TLS1_2_VERSION, "RSA+SHA384", NID_rsaEncryption,
		    NID_sha384 },
		{ "rsa", TLS1_2_VERSION, "RSA+SHA512", NID_rsaEncryption,
		    NID_sha512 },
		{ "pss", TLS1_3_VERSION, "rsa_pss_pss_sha256:ECDSA+SHA256",
		    NID_rsassaPss, NID_sha256 },
		{ "pss", TLS1_2_VERSION, "rsa_pss_pss_sha384:ECDSA+SHA256",
		    NID_rsassaPss, NID_sha384 },
		{ "p256", TLS1_3_VERSION, NULL, NID_X9_62_id_ecPublicKey,
		    NID_sha256 },
		{ "p256", TLS1_2_VERSION, NULL, NID_X9_62_id_ecPublicKey,
		    NID_sha256 },
		/* of several the first of our own list */
		{ "p256", TLS1_2_VERSION, "ECDSA+SHA512:ECDSA+SHA256",
		    NID_X9_62_id_ecPublicKey, NID_sha256 },
		{ "p256", TLS1_2_VERSION, "ECDSA+SHA512",
		    NID_X9_62_id_ecPublicKey, NID_sha512 },
		{ "p384", TLS1_3_VERSION, NULL, NID_X9_62_id_ecPublicKey,
		    NID_sha384 },
		{ "p384", TLS1_2_VERSION, "ECDSA+SHA384",
		    NID_X9_62_id_ecPublicKey, NID_sha384 },
		{ "p521", TLS1_3_VERSION, NULL, NID_X9_62_id_ecPublicKey,
		    NID_sha512 },
		{ "ed25519", TLS1_3_VERSION, NULL, NID_ED25519, NID_undef },
		{ "ed25519", TLS1_2_VERSION, NULL, NID_ED25519, NID_undef },
		{ "ed448", TLS1_3_VERSION, NULL, NID_ED448, NID_undef },
		{ "ed448", TLS1_2_VERSION, NULL, NID_ED448, NID_undef },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		SSL_CTX *ctx = trusting_client(cases[i].version);
		char name[32];
		int kind = -1, digest = NID_undef;
		struct link l;

		snprintf(name, sizeof(name), "%s.test", cases[i].site);
		link_open(&l, ctx, name);
		if (cases[i].offer != NULL)
			SSL_set1_sigalgs_list(l.client, cases[i].offer);
		/* a lone RSA algorithm rules out the CA's ECDSA */
		SSL_set_verify(l.client, SSL_VERIFY_NONE, NULL);
		link_shake_hands(&l);
		assert_int_equal(l.verdict, TLS_OK);
		assert_int_equal(l.client_error, SSL_ERROR_NONE);
		assert_int_equal(l.n_waits, 1);
		assert_int_equal(
		    SSL_get_peer_signature_type_nid(l.client, &kind), 1);
		SSL_get_peer_signature_nid(l.client, &digest);
		assert_int_equal(kind, cases[i].kind);
		assert_int_equal(digest, cases[i].digest);
		assert_int_equal(SSL_version(l.client), cases[i].version);
		assert_true(link_echoes(&l));
		link_close(&l);
		SSL_CTX_free(ctx);
	}
}

/* the signer -------------------------------------------------------------- */

static void
established_connections_move_while_the_signer_thinks(void **state)
{
	struct link busy, waiting;
	SSL_CTX *ctx = trusting_client(0);

	(void)state;
	establish(&busy);
	kill(gateway.signer.pid, SIGSTOP);
	link_open(&waiting, ctx, "rsa.test");
	link_reach_signer(&waiting);
	assert_int_equal(waiting.verdict, TLS_WANT_SIGNER);
	for (unsigned i = 0; i < 10; i++)
		assert_true(link_echoes(&busy));
	assert_true(is_signer_asked(&waiting));
	kill(gateway.signer.pid, SIGCONT);
	link_shake_hands(&waiting);
	assert_int_equal(waiting.verdict, TLS_OK);
	link_close(&waiting);
	link_close(&busy);
	SSL_CTX_free(ctx);
}

static void
handshakes_queue_at_the_signer_and_all_complete(void **state)
{
	enum {
		N = 400
	};
	static struct link l[N];
	SSL_CTX *ctx = trusting_client(TLS1_3_VERSION);
	unsigned n_done = 0;

	(void)state;
	kill(gateway.signer.pid, SIGSTOP);
	for (unsigned i = 0; i < N; i++) {
		link_open(&l[i], ctx, "p256.test");
		link_reach_signer(&l[i]);
		assert_true(is_signer_asked(&l[i]));
	}
	/* more than the socket takes, so some have not left yet */
	assert_int_equal(l[N - 1].sign.place, SIGN_OP_UNSENT);
	kill(gateway.signer.pid, SIGCONT);
	for (unsigned i = 0; i < N; i++) {
		link_shake_hands(&l[i]);
		n_done += l[i].verdict == TLS_OK;
		link_close(&l[i]);
	}
	assert_int_equal(n_done, N);
	SSL_CTX_free(ctx);
}

static void
closing_a_connection_that_waits_for_the_signer_is_clean(void **state)
{
	SSL_CTX *ctx = trusting_client(0);
	struct link l[20];

	(void)state;
	kill(gateway.signer.pid, SIGSTOP);
	for (size_t i = 0; i < ARRAY_LEN(l); i++) {
		link_open(&l[i], ctx, i % 2 == 0 ? "rsa.test" : "p256.test");
		link_reach_signer(&l[i]);
		assert_true(is_signer_asked(&l[i]));
	}
	/* every other one; their replies arrive for nobody */
	for (size_t i = 0; i < ARRAY_LEN(l); i += 2)
		link_close(&l[i]);
	kill(gateway.signer.pid, SIGCONT);
	for (size_t i = 1; i < ARRAY_LEN(l); i += 2) {
		link_shake_hands(&l[i]);
		assert_int_equal(l[i].verdict, TLS_OK);
		link_close(&l[i]);
	}
	SSL_CTX_free(ctx);
}

static void
closing_after_the_reply_and_before_its_use_is_clean(void **state)
{
	SSL_CTX *ctx = trusting_client(0);
	struct link l;

	(void)state;
	link_open(&l, ctx, "rsa.test");
	link_reach_signer(&l);
	while (!l.sign.done)
		uv_run(&gateway.loop, UV_RUN_ONCE);
	link_close(&l);
	SSL_CTX_free(ctx);
}

static void
stacks_stay_while_a_handshake_waits_for_the_signer(void **state)
{
	SSL_CTX *ctx = trusting_client(0);
	struct link l;

	(void)state;
	link_open(&l, ctx, "rsa.test");
	link_reach_signer(&l);
	assert_true(is_signer_asked(&l));
	assert_false(tls_io_give_back());
	link_shake_hands(&l);
	assert_int_equal(l.verdict, TLS_OK);
	assert_true(tls_io_give_back());
	link_close(&l);

	link_open(&l, ctx, "rsa.test");
	link_reach_signer(&l);
	assert_false(tls_io_give_back());
	link_close(&l);
	assert_true(tls_io_give_back());
	SSL_CTX_free(ctx);
}

static void
death_of_the_signer_fails_only_what_it_was_asked(void **state)
{
	SSL_CTX *ctx = trusting_client(0);
	struct link established, l;

	(void)state;
	establish(&established);
	kill(gateway.signer.pid, SIGSTOP);
	link_open(&l, ctx, "rsa.test");
	link_reach_signer(&l);
	signer_kill(&gateway.signer);
	assert_fails(&l, "signer_failed", false);
	link_close(&l);
	assert_false(signer_client_is_up(gateway.client));

	/* what comes now waits for the next signer */
	link_open(&l, ctx, "rsa.test");
	link_reach_signer(&l);
	assert_true(link_echoes(&established));

	gateway_replace_signer();
	link_shake_hands(&l);
	assert_int_equal(l.verdict, TLS_OK);
	link_close(&l);
	assert_true(link_echoes(&established));
	link_close(&established);
	SSL_CTX_free(ctx);
}

static void
count_loss(void *ctx)
{
	++*(unsigned *)ctx;
}

static void
a_channel_that_cannot_be_watched_is_a_lost_one(void **state)
{
	unsigned n_lost = 0;

	(void)state;
	signer_client_on_lost(gateway.client, count_loss, &n_lost);
	signer_client_replace(gateway.client, -1);
	assert_false(signer_client_is_up(gateway.client));
	assert_int_equal(n_lost, 1);
	signer_client_on_lost(gateway.client, NULL, NULL);
	signer_kill(&gateway.signer);
	gateway_replace_signer();
	assert_true(signer_client_is_up(gateway.client));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_with_every_kind_of_key_in_both_versions),
		cmocka_unit_test(
		    established_connections_move_while_the_signer_thinks),
		cmocka_unit_test(
		    handshakes_queue_at_the_signer_and_all_complete),
		cmocka_unit_test(
		    closing_a_connection_that_waits_for_the_signer_is_clean),
		cmocka_unit_test(
		    closing_after_the_reply_and_before_its_use_is_clean),
		cmocka_unit_test(
		    stacks_stay_while_a_handshake_waits_for_the_signer),
		cmocka_unit_test(
		    death_of_the_signer_fails_only_what_it_was_asked),
		cmocka_unit_test(
		    a_channel_that_cannot_be_watched_is_a_lost_one),
	};

	return cmocka_run_group_tests(tests, sites_set_up, sites_tear_down);
}
