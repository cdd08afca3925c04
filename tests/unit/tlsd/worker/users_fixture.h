/*
 * A gateway (tls_fixture.h) whose sites ask for the certificates of users, and
 * clients of such users, who keep their sessions.  For tests.
 */
#ifndef TESTS_UNIT_TLSD_WORKER_USERS_FIXTURE_H
#define TESTS_UNIT_TLSD_WORKER_USERS_FIXTURE_H

#include "tests/unit/tlsd/worker/tls_fixture.h"

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

FIXTURE int
users_set_up(void **state)
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

FIXTURE int
users_tear_down(void **state)
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
FIXTURE SSL_CTX *
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

FIXTURE void
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

FIXTURE int
forget_session(void **state)
{
	(void)state;
	SSL_SESSION_free(kept);
	kept = NULL;
	return 0;
}

#define USERS_TEST(f) cmocka_unit_test_teardown(f, forget_session)

#endif
