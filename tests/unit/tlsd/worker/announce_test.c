/*
 * What is announced about clients, full and resumed, with certificate and
 * without: real sessions, read back from the header.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/proxy_v2.h"
#include "tests/unit/text.h"
#include "tests/unit/tlsd/worker/users_fixture.h"
#include "tlsd/worker/announce.h"

/* The header, decoded; slices point into *out. */
static void
announced(const struct link *l, struct buf *out, struct proxy_v2 *pp)
{
	const char *reason = "";
	struct addr src = addr_of("192.0.2.1:1234");
	struct addr dst = addr_of("198.51.100.2:443");
	struct announce_from from = { .src = &src,
		.dst = &dst,
		.listener = SLICE("public"),
		.unique_id = SLICE("id-1"),
		.generation = 3 };
	size_t used;

	memset(out, 0, sizeof(*out));
	assert_true(announce_append(out, l->server.ssl, &from));
	assert_int_equal(
	    proxy_v2_decode(buf_slice(out), pp, &used, &reason), PROXY_V2_DONE);
	assert_int_equal(used, buf_len(out));
}

static void
assert_cert(struct slice der, X509 *want)
{
	unsigned char *p = NULL;
	int len = i2d_X509(want, &p);

	assert_true(slice_eq(der, (struct slice){ (char *)p, (size_t)len }));
	OPENSSL_free(p);
}

static void
assert_is_alice(const struct proxy_v2 *pp)
{
	assert_true(proxy_v2_is_verified(pp));
	assert_int_equal(pp->verify, X509_V_OK);
	assert_text(pp->verify_text, "ok");
	assert_text(pp->cn, "Alice <x>");
	assert_text(pp->subject, "CN=Alice \\<x\\>,O=M\xc3\xbcller\\, Inc");
	assert_text(pp->issuer, "CN=Staff CA,O=M\xc3\xbcller\\, Inc");
	assert_text(pp->serial, "ABCDEF");
	assert_int_equal(pp->fingerprint.len, 64);
	assert_int_equal(pp->not_before.len, 20);
	assert_int_equal(pp->not_after.p[19], 'Z');
	assert_cert(pp->cert, pki.alice);
	/* the root is not passed on */
	assert_int_equal(pp->n_chain, 1);
	assert_cert(pp->chain[0], pki.staff);
}

/* tests ------------------------------------------------------------------- */

static void
tells_the_session_of_a_client_without_certificate(void **state)
{
	static const unsigned char alpn[] = "\x08http/1.1";
	SSL_CTX *ctx = client_of(TLS1_3_VERSION, NULL, NULL);
	struct proxy_v2 pp;
	struct link l;
	struct buf out;
	char ip[ADDR_TEXT_MAX];

	(void)state;
	SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256");
	SSL_CTX_set1_groups_list(ctx, "P-256");
	SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1);
	connect_to(&l, ctx, "Open.test", NULL);
	announced(&l, &out, &pp);
	assert_int_equal(pp.command, PROXY_V2_PROXY);
	assert_string_equal(addr_format(&pp.src, ip), "192.0.2.1:1234");
	assert_string_equal(addr_format(&pp.dst, ip), "198.51.100.2:443");
	assert_true(pp.has_ssl);
	assert_int_equal(pp.client, PROXY_V2_CLIENT_SSL);
	assert_text(pp.alpn, "http/1.1");
	assert_text(pp.authority, "Open.test");
	assert_text(pp.unique_id, "id-1");
	assert_text(pp.listener, "public");
	assert_int_equal(pp.generation, 3);
	assert_text(pp.version, "TLSv1.3");
	assert_text(pp.cipher, "TLS_AES_128_GCM_SHA256");
	assert_int_equal(pp.cipher_bits, 128);
	assert_text(pp.group, "secp256r1");
	assert_text(pp.sig_scheme, "ecdsa_secp256r1_sha256");
	assert_text(pp.key_alg, "EC256");
	assert_text(pp.sig_alg, "ecdsa-with-SHA256");
	assert_int_equal(pp.cert.len, 0);
	buf_release(&out);
	link_close(&l);
	SSL_CTX_free(ctx);
}

static void
a_client_without_certificate_is_let_in_and_not_verified(void **state)
{
	SSL_CTX *ctx = client_of(0, NULL, NULL);
	struct proxy_v2 pp;
	struct link l;
	struct buf out;

	(void)state;
	connect_to(&l, ctx, "optional.test", NULL);
	assert_int_equal(l.verdict, TLS_OK);
	announced(&l, &out, &pp);
	assert_false(proxy_v2_is_verified(&pp));
	assert_int_equal(pp.client, PROXY_V2_CLIENT_SSL);
	assert_int_not_equal(pp.verify, 0);
	buf_release(&out);
	link_close(&l);
	SSL_CTX_free(ctx);
}

static void
full_and_resumed_sessions_report_the_same_identity(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		SSL_CTX *ctx = client_of(versions[v], pki.alice, pki.staff);
		struct proxy_v2 pp;
		struct link l;
		struct buf out;

		connect_to(&l, ctx, "required.test", NULL);
		assert_int_equal(l.verdict, TLS_OK);
		announced(&l, &out, &pp);
		assert_int_equal(pp.client, PROXY_V2_CLIENT_SSL |
						PROXY_V2_CLIENT_CERT_CONN |
						PROXY_V2_CLIENT_CERT_SESS);
		assert_is_alice(&pp);
		buf_release(&out);
		link_close(&l);

		/* and once more by the ticket of the resumed session */
		for (unsigned i = 0; i < 2; i++) {
			assert_non_null(kept);
			connect_to(&l, ctx, "required.test", kept);
			assert_int_equal(l.verdict, TLS_OK);
			assert_int_equal(SSL_session_reused(l.client), 1);
			assert_int_equal(l.n_waits, 0);
			announced(&l, &out, &pp);
			assert_int_equal(pp.client,
			    PROXY_V2_CLIENT_SSL | PROXY_V2_CLIENT_CERT_SESS);
			assert_is_alice(&pp);
			assert_text(pp.authority, "required.test");
			buf_release(&out);
			link_close(&l);
		}
		SSL_CTX_free(ctx);
	}
}

static void
a_session_whose_chain_no_ticket_can_carry_is_not_resumed(void **state)
{
	SSL_CTX *ctx = client_of(0, pki.bob, pki.big);
	struct proxy_v2 pp;
	struct link l;
	struct buf out;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		connect_to(&l, ctx, "required.test", i == 0 ? NULL : kept);
		assert_int_equal(l.verdict, TLS_OK);
		assert_int_equal(SSL_session_reused(l.client), 0);
		announced(&l, &out, &pp);
		assert_text(pp.cn, "Bob");
		assert_int_equal(pp.n_chain, 1);
		assert_cert(pp.chain[0], pki.big);
		buf_release(&out);
		link_close(&l);
	}
	SSL_CTX_free(ctx);
}

static void
refuses_clients_as_the_site_demands(void **state)
{
	const struct {
		const char *name;
		X509 *leaf, *via;
		int version;
		const char *error; /* NULL: let in */
	} cases[] = {
		{ "required.test", NULL, NULL, TLS1_3_VERSION,
		    "certificate_required" },
		{ "required.test", NULL, NULL, TLS1_2_VERSION,
		    "handshake_failure" },
		{ "required.test", pki.eve, NULL, TLS1_3_VERSION,
		    "unknown_ca" },
		{ "optional.test", pki.eve, NULL, TLS1_3_VERSION, NULL },
		/* a chain that misses the CA in between */
		{ "optional.test", pki.alice, NULL, TLS1_3_VERSION,
		    "unknown_ca" },
		{ "shallow.test", pki.alice, pki.staff, TLS1_3_VERSION, NULL },
		{ "crl.test", pki.alice, pki.staff, TLS1_3_VERSION, NULL },
		{ "crl.test", pki.revoked, pki.staff, TLS1_3_VERSION,
		    "certificate_revoked" },
		/* not asked for, not looked at */
		{ "open.test", pki.eve, NULL, TLS1_3_VERSION, NULL },
		{ "modern.test", NULL, NULL, TLS1_3_VERSION, NULL },
		{ "modern.test", NULL, NULL, TLS1_2_VERSION,
		    "protocol_version" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		SSL_CTX *ctx =
		    client_of(cases[i].version, cases[i].leaf, cases[i].via);
		struct link l;

		connect_to(&l, ctx, cases[i].name, NULL);
		if (cases[i].error == NULL) {
			assert_int_equal(l.verdict, TLS_OK);
		} else {
			assert_int_equal(l.verdict, TLS_FAILED);
			assert_string_equal(
			    tls_io_error(&l.server), cases[i].error);
			assert_false(l.server.alert_from_peer);
		}
		link_close(&l);
		SSL_CTX_free(ctx);
	}
}

static void
names_the_accepted_cas_to_the_client(void **state)
{
	SSL_CTX *ctx = client_of(TLS1_3_VERSION, NULL, NULL);
	const STACK_OF(X509_NAME) * names;
	struct link l;

	(void)state;
	link_open(&l, ctx, "optional.test");
	link_shake_hands(&l);
	names = SSL_get0_peer_CA_list(l.client);
	assert_int_equal(sk_X509_NAME_num(names), 2);
	link_close(&l);
	SSL_CTX_free(ctx);
}

static void
a_certificate_that_was_not_asked_for_is_not_announced(void **state)
{
	SSL_CTX *ctx = client_of(0, pki.alice, pki.staff);
	struct proxy_v2 pp;
	struct link l;
	struct buf out;

	(void)state;
	connect_to(&l, ctx, "open.test", NULL);
	announced(&l, &out, &pp);
	assert_int_equal(pp.client, PROXY_V2_CLIENT_SSL);
	assert_int_equal(pp.cert.len, 0);
	assert_int_equal(pp.subject.len, 0);
	buf_release(&out);
	link_close(&l);
	SSL_CTX_free(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		USERS_TEST(tells_the_session_of_a_client_without_certificate),
		USERS_TEST(
		    a_client_without_certificate_is_let_in_and_not_verified),
		USERS_TEST(full_and_resumed_sessions_report_the_same_identity),
		USERS_TEST(
		    a_session_whose_chain_no_ticket_can_carry_is_not_resumed),
		USERS_TEST(refuses_clients_as_the_site_demands),
		USERS_TEST(names_the_accepted_cas_to_the_client),
		USERS_TEST(
		    a_certificate_that_was_not_asked_for_is_not_announced),
	};

	return cmocka_run_group_tests(tests, users_set_up, users_tear_down);
}
