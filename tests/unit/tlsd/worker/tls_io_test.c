/*
 * Handshakes and records between an OpenSSL client and the worker's TLS half,
 * signed by a real signer process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/check.h"
#include "tests/unit/tlsd/worker/tls_fixture.h"

static EVP_PKEY *ca_key;
static X509 *ca;

/* Of OpenSSL's allocations from now on, the one that fails; 0: none. */
static unsigned fails_at;

static bool
is_to_fail(void)
{
	return fails_at > 0 && --fails_at == 0;
}

static void *
try_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return is_to_fail() ? NULL : malloc(n);
}

static void *
try_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return is_to_fail() ? NULL : realloc(p, n);
}

static void
free_it(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* Writes key, certificate and the file of a site called site.test. */
static X509 *
issue_site(
    const char *site, const char *kind, const char *group, const char *extra)
{
	char file[64], text[512];
	EVP_PKEY *key = make_key(kind, group);
	X509 *cert = make_cert(
	    key, &(struct cert_spec){
		     .cn = site, .issuer = ca, .issuer_key = ca_key });

	snprintf(file, sizeof(file), "%s.pem", site);
	write_certs(file, cert, NULL);
	snprintf(file, sizeof(file), "%s.key", site);
	write_key(file, key);
	snprintf(text, sizeof(text),
	    "[site]\nnames = %s.test\n%s[tls]\n"
	    "certificate = ../%s.pem\nkey = ../%s.key\n",
	    site, extra, site, site);
	snprintf(file, sizeof(file), "sites/%s.ini", site);
	write_file(file, text);
	EVP_PKEY_free(key);
	return cert;
}

static int
set_up(void **state)
{
	(void)state;
	make_dir();
	ca_key = make_key("EC", "P-256");
	ca = make_cert(ca_key, &(struct cert_spec){ .cn = "CA", .is_ca = 1 });
	X509_free(issue_site("rsa", "RSA", NULL, ""));
	X509_free(issue_site("pss", "RSA-PSS", NULL, ""));
	X509_free(issue_site("p256", "EC", "P-256", "names = *.wild.test\n"));
	X509_free(issue_site("p384", "EC", "P-384", ""));
	X509_free(issue_site("p521", "EC", "P-521", ""));
	X509_free(issue_site("ed25519", "ED25519", NULL, ""));
	X509_free(issue_site("ed448", "ED448", NULL, ""));
	write_file("sites/plain.ini", "[site]\nnames = plain.test\n");
	gateway_start();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	gateway_stop();
	X509_free(ca);
	EVP_PKEY_free(ca_key);
	remove_dir();
	return 0;
}

static SSL_CTX *
trusting_client(int version)
{
	SSL_CTX *ctx = client_context(version);

	X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return ctx;
}

/* An established connection to site rsa. */
static void
establish(struct link *l)
{
	SSL_CTX *ctx = trusting_client(0);

	link_open(l, ctx, "rsa.test");
	SSL_CTX_free(ctx);
	link_shake_hands(l);
	assert_int_equal(l->verdict, TLS_OK);
	assert_int_equal(l->client_error, SSL_ERROR_NONE);
}

static void
assert_fails(struct link *l, const char *error, bool by_peer)
{
	link_shake_hands(l);
	assert_int_equal(l->verdict, TLS_FAILED);
	assert_string_equal(tls_io_error(&l->server), error);
	assert_int_equal(l->server.alert_from_peer, by_peer);
}

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

/* records ----------------------------------------------------------------- */

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

static void
a_handshake_without_memory_for_its_flight_fails_at_once(void **state)
{
	/* no buffer can be made so large: the same as none at all */
	struct buf_storage storage = { .cap = SIZE_MAX / 2,
		.tail = SIZE_MAX / 2 };
	struct buf full = { &storage };
	SSL_CTX *ctx = trusting_client(TLS1_3_VERSION);
	struct link l;

	(void)state;
	link_open(&l, ctx, "rsa.test");
	step_client(&l);
	l.server.out = full;
	step_server(&l);
	while (is_signer_asked(&l)) {
		uv_run(&gateway.loop, UV_RUN_ONCE);
		step_server(&l);
	}
	l.server.out = (struct buf){ 0 };
	assert_int_equal(l.verdict, TLS_FAILED);
	assert_string_equal(tls_io_error(&l.server), "internal_error");
	link_close(&l);
	SSL_CTX_free(ctx);
}

static void
a_handshake_without_memory_for_its_job_fails_at_once(void **state)
{
	SSL_CTX *ctx = trusting_client(0);
	struct link established, waiting, l;
	char in[16];
	size_t n;

	(void)state;
	establish(&established);
	link_open(&l, ctx, "rsa.test");
	step_server(&l); /* waits for the client's first bytes */
	assert_int_equal(l.verdict, TLS_WANT_READ);
	/* the last job that is ready is taken */
	assert_true(tls_io_give_back());
	link_open(&waiting, ctx, "rsa.test");
	link_reach_signer(&waiting);
	assert_true(is_signer_asked(&waiting));
	/* what another waits for is nothing to us */
	assert_int_equal(tls_io_read(&established.server, in, sizeof(in), &n),
	    TLS_WANT_READ);

	fails_at = 1;
	step_server(&l);
	fails_at = 0;
	assert_int_equal(l.verdict, TLS_FAILED);
	assert_string_equal(tls_io_error(&l.server), "internal_error");
	link_close(&l);
	link_close(&waiting);
	link_close(&established);
	SSL_CTX_free(ctx);
}

static void
opens_completely_or_not_at_all_when_memory_is_short(void **state)
{
	unsigned n_failed = 0;
	bool is_over = false;

	(void)state;
	for (unsigned n = 1; !is_over; n++) {
		struct sign_op sign = { .on_done = on_signed };
		struct tls_io t;
		bool is_open;

		fails_at = n;
		is_open = tls_io_open(
		    &t, tls_contexts_first(gateway.contexts), -1, &sign);
		is_over = fails_at > 0; /* it took less */
		fails_at = 0;
		n_failed += !is_open;
		if (is_open)
			assert_non_null(SSL_get_rbio(t.ssl));
		tls_io_close(&t);
	}
	assert_true(n_failed > 0);
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
		    a_handshake_one_byte_at_a_time_gives_the_same_answer),
		cmocka_unit_test(reads_all_records_of_one_recv_with_any_room),
		cmocka_unit_test(half_a_record_is_not_more),
		cmocka_unit_test(a_client_that_does_not_read_stops_the_writer),
		cmocka_unit_test(writes_several_records_with_one_send),
		cmocka_unit_test(delivers_the_last_bytes_before_the_end),
		cmocka_unit_test(an_end_without_close_notify_is_truncation),
		cmocka_unit_test(a_forged_record_fails_with_bad_record_mac),
		cmocka_unit_test(does_not_renegotiate),
		cmocka_unit_test(a_key_update_is_answered_in_the_stream),
		cmocka_unit_test(
		    keys_of_the_exchange_are_gone_once_it_is_settled),
		cmocka_unit_test(key_updates_without_end_are_a_flood),
		cmocka_unit_test(key_updates_between_much_data_are_not),
		cmocka_unit_test(
		    a_client_that_leaves_after_its_finished_has_shaken_hands),
		cmocka_unit_test(
		    a_handshake_without_memory_for_its_flight_fails_at_once),
		cmocka_unit_test(
		    a_handshake_without_memory_for_its_job_fails_at_once),
		cmocka_unit_test(
		    opens_completely_or_not_at_all_when_memory_is_short),
	};

	NEED(CRYPTO_set_mem_functions(try_malloc, try_realloc, free_it) == 1);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
