/*
 * A gateway (tls_fixture.h) with a site for each kind of key, the certificates
 * of one CA, and clients that trust it.  For tests.
 */
#ifndef TESTS_UNIT_TLSD_WORKER_SITES_FIXTURE_H
#define TESTS_UNIT_TLSD_WORKER_SITES_FIXTURE_H

#include "tests/unit/tlsd/worker/tls_fixture.h"

static EVP_PKEY *ca_key;
static X509 *ca;

/* Certificate and key, and the file of a site called NAME.test. */
FIXTURE void
issue_site(
    const char *name, const char *kind, const char *group, const char *lines)
{
	EVP_PKEY *key = make_key(kind, group);
	X509 *cert = make_cert(
	    key, &(struct cert_spec){
		     .cn = name, .issuer = ca, .issuer_key = ca_key });

	write_pair(name, cert, key);
	write_site(name, name, lines, "");
	X509_free(cert);
	EVP_PKEY_free(key);
}

FIXTURE int
sites_set_up(void **state)
{
	(void)state;
	make_dir();
	ca_key = make_key("EC", "P-256");
	ca = make_cert(ca_key, &(struct cert_spec){ .cn = "CA", .is_ca = 1 });
	issue_site("rsa", "RSA", NULL, "");
	issue_site("pss", "RSA-PSS", NULL, "");
	issue_site("p256", "EC", "P-256", "names = *.wild.test\n");
	issue_site("p384", "EC", "P-384", "");
	issue_site("p521", "EC", "P-521", "");
	issue_site("ed25519", "ED25519", NULL, "");
	issue_site("ed448", "ED448", NULL, "");
	write_file("sites/plain.ini", "[site]\nnames = plain.test\n");
	gateway_start();
	return 0;
}

FIXTURE int
sites_tear_down(void **state)
{
	(void)state;
	gateway_stop();
	X509_free(ca);
	EVP_PKEY_free(ca_key);
	remove_dir();
	return 0;
}

FIXTURE SSL_CTX *
trusting_client(int version)
{
	SSL_CTX *ctx = client_context(version);

	X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return ctx;
}

/* An established connection to site rsa. */
FIXTURE void
establish(struct link *l)
{
	SSL_CTX *ctx = trusting_client(0);

	link_open(l, ctx, "rsa.test");
	SSL_CTX_free(ctx);
	link_shake_hands(l);
	assert_int_equal(l->verdict, TLS_OK);
	assert_int_equal(l->client_error, SSL_ERROR_NONE);
}

FIXTURE void
assert_fails(struct link *l, const char *error, bool by_peer)
{
	link_shake_hands(l);
	assert_int_equal(l->verdict, TLS_FAILED);
	assert_string_equal(tls_io_error(&l->server), error);
	assert_int_equal(l->server.alert_from_peer, by_peer);
}

#endif
