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
#include "tests/unit/tlsd/worker/tls_fixture.h"
#include "tlsd/worker/announce.h"

/*
 * users CA (root) -> staff CA -> alice, and -> revoked; users CA -> big CA (a
 * certificate of 9 KiB) -> bob; other CA -> eve
 */
static struct {
	EVP_PKEY *key; /* one for all: who signs is told by the names */
	X509 *root, *staff, *big, *other;
	X509 *alice, *revoked, *bob, *eve, *brief;
	X509 *server;
} pki;

static X509 *
issue(const char *cn, long serial, X509 *issuer, int is_ca, const char *comment)
{
	return make_cert(pki.key, &(struct cert_spec){ .cn = cn,
				      .serial = serial,
				      .issuer = issuer,
				      .issuer_key = pki.key,
				      .is_ca = is_ca,
				      .comment = comment });
}

static void
make_pki(void)
{
	static char comment[9000];

	memset(comment, 'x', sizeof(comment) - 1);
	pki.key = make_key("EC", "P-256");
	pki.root = issue("Users CA", 1, NULL, 1, NULL);
	pki.staff = issue("Staff CA", 2, pki.root, 1, NULL);
	pki.big = issue("Big CA", 3, pki.root, 1, comment);
	pki.other = issue("Other CA", 4, NULL, 1, NULL);
	pki.alice = issue("Alice <x>", 0xabcdef, pki.staff, 0, NULL);
	pki.revoked = issue("Revoked", 99, pki.staff, 0, NULL);
	pki.bob = issue("Bob", 7, pki.big, 0, NULL);
	pki.eve = issue("Eve", 8, pki.other, 0, NULL);
	pki.brief = make_cert(pki.key, &(struct cert_spec){ .cn = "Brief",
					   .serial = 9,
					   .issuer = pki.staff,
					   .issuer_key = pki.key,
					   .lasts_s = 2 });
	pki.server = issue("server", 10, NULL, 0, NULL);
}

static void
append_crl(FILE *f, X509 *ca, long serial)
{
	X509_CRL *crl = X509_CRL_new();
	X509_REVOKED *r = X509_REVOKED_new();
	ASN1_INTEGER *no = ASN1_INTEGER_new();
	ASN1_TIME *t = X509_gmtime_adj(NULL, -60);

	NEED(X509_CRL_set_version(crl, X509_CRL_VERSION_2));
	NEED(X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca)));
	NEED(X509_CRL_set1_lastUpdate(crl, t));
	NEED(X509_REVOKED_set_revocationDate(r, t));
	NEED(ASN1_INTEGER_set(no, serial));
	NEED(X509_REVOKED_set_serialNumber(r, no));
	NEED(X509_CRL_add0_revoked(crl, r));
	X509_gmtime_adj(t, 3600);
	NEED(X509_CRL_set1_nextUpdate(crl, t));
	NEED(X509_CRL_sign(crl, pki.key, EVP_sha256()));
	NEED(PEM_write_X509_CRL(f, crl));
	ASN1_TIME_free(t);
	ASN1_INTEGER_free(no);
	X509_CRL_free(crl);
}

static int
set_up(void **state)
{
	FILE *f;

	(void)state;
	make_dir();
	make_pki();
	write_pair("server", pki.server, pki.key);
	write_certs("users.pem", pki.root, NULL);
	write_certs("other.pem", pki.other, NULL);
	f = fopen(in_dir("users.crl"), "w");
	append_crl(f, pki.root, 1000);
	append_crl(f, pki.staff, 99);
	fclose(f);
	write_site("open", "server", "", "");
	write_site("optional", "server", "",
	    "client_verify = optional\n"
	    "client_ca = ../users.pem\n"
	    "client_ca = ../other.pem\n");
	write_site("required", "server", "",
	    "client_verify = required\n"
	    "client_ca = ../users.pem\n");
	write_site("second", "server", "",
	    "client_verify = required\n"
	    "client_ca = ../users.pem\n");
	write_site("shallow", "server", "",
	    "client_verify = required\nclient_depth = 1\n"
	    "client_ca = ../users.pem\n");
	write_site("crl", "server", "",
	    "client_verify = required\n"
	    "client_ca = ../users.pem\n"
	    "client_crl = ../users.crl\n");
	write_site("modern", "server", "", "min_version = 1.3\n");
	gateway_start();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	gateway_stop();
	X509_free(pki.root);
	X509_free(pki.staff);
	X509_free(pki.big);
	X509_free(pki.other);
	X509_free(pki.alice);
	X509_free(pki.revoked);
	X509_free(pki.bob);
	X509_free(pki.eve);
	X509_free(pki.brief);
	X509_free(pki.server);
	EVP_PKEY_free(pki.key);
	remove_dir();
	return 0;
}

/* clients ----------------------------------------------------------------- */

static SSL_SESSION *kept;

static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(kept);
	kept = session;
	return 1;
}

/* leaf may be NULL: no certificate; via may be NULL: leaf alone. */
static SSL_CTX *
client_of(int version, X509 *leaf, X509 *via)
{
	SSL_CTX *ctx = client_context(version);

	if (leaf != NULL) {
		NEED(SSL_CTX_use_certificate(ctx, leaf) == 1);
		NEED(SSL_CTX_use_PrivateKey(ctx, pki.key) == 1);
	}
	if (via != NULL)
		NEED(SSL_CTX_add1_chain_cert(ctx, via) == 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	return ctx;
}

static void
connect_to(struct link *l, SSL_CTX *ctx, const char *name, SSL_SESSION *s)
{
	char in[8];

	link_open(l, ctx, name);
	if (s != NULL)
		NEED(SSL_set_session(l->client, s) == 1);
	link_shake_hands(l);
	SSL_read(l->client, in, sizeof(in)); /* the ticket of TLS 1.3 */
	ERR_clear_error();
}

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
a_session_is_not_resumed_at_another_site(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		SSL_CTX *ctx = client_of(versions[v], pki.alice, pki.staff);
		struct link l;

		connect_to(&l, ctx, "required.test", NULL);
		assert_int_equal(l.verdict, TLS_OK);
		link_close(&l);
		connect_to(&l, ctx, "second.test", kept);
		assert_int_equal(l.verdict, TLS_OK);
		assert_int_equal(SSL_session_reused(l.client), 0);
		link_close(&l);
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
a_session_whose_certificate_has_expired_is_not_resumed(void **state)
{
	SSL_CTX *ctx = client_of(TLS1_3_VERSION, pki.brief, pki.staff);
	struct link l;

	(void)state;
	connect_to(&l, ctx, "required.test", NULL);
	assert_int_equal(l.verdict, TLS_OK);
	link_close(&l);
	while (X509_cmp_current_time(X509_get0_notAfter(pki.brief)) > 0)
		usleep(50 * 1000);
	connect_to(&l, ctx, "required.test", kept);
	assert_int_equal(l.verdict, TLS_FAILED);
	assert_string_equal(tls_io_error(&l.server), "certificate_expired");
	link_close(&l);
	SSL_CTX_free(ctx);
}

/* Resumes the kept session with the page's keys as they are now. */
static bool
is_resumed(SSL_CTX *ctx, SSL_SESSION *session)
{
	/* libssl uses one of TLS 1.3 once */
	SSL_SESSION *once = session != NULL ? SSL_SESSION_dup(session) : NULL;
	struct link l;
	bool resumed;

	connect_to(&l, ctx, "open.test", once);
	SSL_SESSION_free(once);
	assert_int_equal(l.verdict, TLS_OK);
	resumed = SSL_session_reused(l.client);
	link_close(&l);
	return resumed;
}

static void
a_ticket_lives_through_a_signer_and_a_new_key_but_not_for_ever(void **state)
{
	SSL_CTX *ctx = client_of(TLS1_3_VERSION, NULL, NULL);
	struct state_page *page = ticket_state_page();
	SSL_SESSION *old;

	(void)state;
	assert_false(is_resumed(ctx, NULL));
	old = kept;
	kept = NULL;
	signer_kill(&gateway.signer);
	gateway_replace_signer();
	assert_true(is_resumed(ctx, old));
	state_page_turn(page, 1000, 1 + TICKET_ROTATE_MS);
	assert_true(is_resumed(ctx, old));
	state_page_turn(page, 1000, 1 + TICKET_ROTATE_MS + 1000);
	assert_false(is_resumed(ctx, old));
	SSL_SESSION_free(old);
	SSL_CTX_free(ctx);
}

static void
one_ticket_is_given_and_no_early_data(void **state)
{
	SSL_CTX *ctx = client_of(TLS1_3_VERSION, NULL, NULL);
	struct link l;

	(void)state;
	connect_to(&l, ctx, "open.test", NULL);
	assert_int_equal(SSL_get_num_tickets(l.server.ssl), 1);
	assert_int_equal(SSL_SESSION_get_max_early_data(kept), 0);
	link_close(&l);
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

static int
forget_session(void **state)
{
	(void)state;
	SSL_SESSION_free(kept);
	kept = NULL;
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
		    tells_the_session_of_a_client_without_certificate,
		    forget_session),
		cmocka_unit_test_teardown(
		    a_client_without_certificate_is_let_in_and_not_verified,
		    forget_session),
		cmocka_unit_test_teardown(
		    full_and_resumed_sessions_report_the_same_identity,
		    forget_session),
		cmocka_unit_test_teardown(
		    a_session_is_not_resumed_at_another_site, forget_session),
		cmocka_unit_test_teardown(
		    a_session_whose_chain_no_ticket_can_carry_is_not_resumed,
		    forget_session),
		cmocka_unit_test_teardown(
		    a_session_whose_certificate_has_expired_is_not_resumed,
		    forget_session),
		cmocka_unit_test_teardown(
		    a_ticket_lives_through_a_signer_and_a_new_key_but_not_for_ever,
		    forget_session),
		cmocka_unit_test_teardown(
		    one_ticket_is_given_and_no_early_data, forget_session),
		cmocka_unit_test_teardown(
		    refuses_clients_as_the_site_demands, forget_session),
		cmocka_unit_test_teardown(
		    names_the_accepted_cas_to_the_client, forget_session),
		cmocka_unit_test_teardown(
		    a_certificate_that_was_not_asked_for_is_not_announced,
		    forget_session),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
