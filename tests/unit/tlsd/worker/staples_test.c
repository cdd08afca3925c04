#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/mem.h"
#include "tests/unit/tlsd/ocsp_fixture.h"
#include "tlsd/worker/staples.h"

/* A site with two certificates of one CA, and a client. */
static struct {
	EVP_PKEY *ca_key, *ec_key, *rsa_key;
	X509 *ca, *ec, *rsa;
	SSL_CTX *server, *client;
	char *paths[2];
	struct conf_place at[2];
	struct site_conf site;
	struct staples *staples;
} all;

static X509 *
issue(EVP_PKEY *key, long serial)
{
	return make_cert(key, &(struct cert_spec){ .cn = "site.test",
				  .serial = serial,
				  .issuer = all.ca,
				  .issuer_key = all.ca_key });
}

static void
use(X509 *leaf, EVP_PKEY *key)
{
	STACK_OF(X509) *chain = sk_X509_new_null();

	sk_X509_push(chain, all.ca);
	NEED(SSL_CTX_use_cert_and_key(all.server, leaf, key, chain, 1) == 1);
	sk_X509_free(chain);
}

static int
set_up(void **state)
{
	(void)state;
	make_dir();
	all.ca_key = make_key("EC", "P-256");
	all.ec_key = make_key("EC", "P-256");
	all.rsa_key = make_key("RSA", NULL);
	all.ca = make_cert(
	    all.ca_key, &(struct cert_spec){ .cn = "CA", .is_ca = 1 });
	all.ec = issue(all.ec_key, 1);
	all.rsa = issue(all.rsa_key, 2);
	all.server = SSL_CTX_new(TLS_server_method());
	all.client = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_tlsext_status_type(all.client, TLSEXT_STATUSTYPE_ocsp);
	use(all.ec, all.ec_key);
	use(all.rsa, all.rsa_key);
	all.paths[0] = mem_need_strdup(in_dir("one.ocsp"));
	all.paths[1] = mem_need_strdup(in_dir("two.ocsp"));
	all.site.name = all.site.file = "site";
	all.site.tls.ocsp_staple =
	    (struct string_list){ all.paths, all.at, ARRAY_LEN(all.paths) };
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	SSL_CTX_free(all.server);
	SSL_CTX_free(all.client);
	EVP_PKEY_free(all.ca_key);
	EVP_PKEY_free(all.ec_key);
	EVP_PKEY_free(all.rsa_key);
	X509_free(all.ca);
	X509_free(all.ec);
	X509_free(all.rsa);
	mem_free(all.paths[0]);
	mem_free(all.paths[1]);
	remove_dir();
	return 0;
}

static int
begin(void **state)
{
	(void)state;
	all.staples = staples_new(all.server, &all.site);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	staples_free(all.staples);
	unlink(all.paths[0]);
	unlink(all.paths[1]);
	return 0;
}

static void
write_staple(const char *path, X509 *leaf, long to_s)
{
	struct slice der = make_ocsp(&(struct ocsp_spec){ .leaf = leaf,
	    .issuer = all.ca,
	    .responder = all.ca,
	    .responder_key = all.ca_key,
	    .from_s = -60,
	    .to_s = to_s });
	FILE *f = fopen(path, "w");

	NEED(f != NULL && fwrite(der.p, der.len, 1, f) == 1 && fclose(f) == 0);
	OPENSSL_free((void *)der.p);
}

/* What the master does when a file has changed. */
static unsigned
load(void)
{
	struct bundle *b = bundle_new();
	struct slice ignored;
	const char *error;
	unsigned n;

	for (size_t i = 0; i < ARRAY_LEN(all.paths); i++)
		(void)bundle_read(b, all.paths[i], &ignored, &error);
	n = staples_load(all.staples, b);
	bundle_free(b);
	return n;
}

/* Serial number in the staple that a client gets; 0: none. */
static long
served_to(const char *sigalgs)
{
	SSL *server = SSL_new(all.server), *client = SSL_new(all.client);
	BIO *a = NULL, *b = NULL;
	const unsigned char *der;
	long len, serial = 0;

	NEED(BIO_new_bio_pair(&a, 0, &b, 0) == 1);
	SSL_set_bio(server, a, a);
	SSL_set_bio(client, b, b);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	NEED(SSL_set1_sigalgs_list(client, sigalgs) == 1);
	for (unsigned i = 0; i < 10; i++) {
		(void)SSL_do_handshake(client);
		(void)SSL_do_handshake(server);
	}
	NEED(SSL_is_init_finished(client));
	len = SSL_get_tlsext_status_ocsp_resp(client, &der);
	if (len > 0) {
		OCSP_RESPONSE *r = d2i_OCSP_RESPONSE(NULL, &der, len);
		OCSP_BASICRESP *basic = OCSP_response_get1_basic(r);
		ASN1_INTEGER *number;

		NEED(OCSP_id_get0_info(NULL, NULL, NULL, &number,
		    (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(
			OCSP_resp_get0(basic, 0))));
		serial = ASN1_INTEGER_get(number);
		OCSP_BASICRESP_free(basic);
		OCSP_RESPONSE_free(r);
	}
	SSL_free(server);
	SSL_free(client);
	return serial;
}

#define EC_ONLY "ECDSA+SHA256"
#define RSA_ONLY "rsa_pss_rsae_sha256"

static void
each_file_finds_its_certificate_whatever_the_order(void **state)
{
	(void)state;
	assert_int_equal(served_to(EC_ONLY), 0);
	write_staple(all.paths[0], all.rsa, 3600);
	write_staple(all.paths[1], all.ec, 3600);
	assert_int_equal(load(), 0);
	assert_int_equal(served_to(EC_ONLY), 1);
	assert_int_equal(served_to(RSA_ONLY), 2);
}

static void
a_certificate_without_a_staple_is_served_without(void **state)
{
	(void)state;
	write_staple(all.paths[0], all.rsa, 3600);
	assert_int_equal(load(), 0);
	assert_int_equal(served_to(EC_ONLY), 0);
	assert_int_equal(served_to(RSA_ONLY), 2);
}

static void
a_bad_file_does_not_replace_a_good_staple(void **state)
{
	(void)state;
	write_staple(all.paths[0], all.ec, 3600);
	assert_int_equal(load(), 0);
	write_staple(all.paths[0], all.ec, -10);
	assert_int_equal(load(), 1);
	assert_int_equal(served_to(EC_ONLY), 1);
	write_staple(all.paths[0], all.ca, 3600);
	assert_int_equal(load(), 1);
	assert_int_equal(served_to(EC_ONLY), 1);
	unlink(all.paths[0]);
	assert_int_equal(load(), 0);
	assert_int_equal(served_to(EC_ONLY), 1);
}

static void
a_staple_that_expires_is_not_served_any_more(void **state)
{
	(void)state;
	write_staple(all.paths[0], all.ec, 2);
	assert_int_equal(load(), 0);
	assert_int_equal(served_to(EC_ONLY), 1);
	sleep(3);
	assert_int_equal(served_to(EC_ONLY), 0);
	write_staple(all.paths[0], all.ec, 3600);
	assert_int_equal(load(), 0);
	assert_int_equal(served_to(EC_ONLY), 1);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		T(each_file_finds_its_certificate_whatever_the_order),
		T(a_certificate_without_a_staple_is_served_without),
		T(a_bad_file_does_not_replace_a_good_staple),
		T(a_staple_that_expires_is_not_served_any_more),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
