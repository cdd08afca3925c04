/*
 * What sites speak, shown by OpenSSL clients that speak something else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "tests/unit/tlsd/worker/tls_fixture.h"
#include "tlsd/tls_policy.h"

static void
make_site(
    const char *name, const char *kind, const char *group, const char *lines)
{
	EVP_PKEY *key = make_key(kind, group);
	X509 *cert = make_cert(key, &(struct cert_spec){ .cn = name });

	write_pair(name, cert, key);
	write_site(name, name, "", lines);
	EVP_PKEY_free(key);
	X509_free(cert);
}

static int
set_up(void **state)
{
	(void)state;
	make_dir();
	/* the first one is where every connection begins */
	make_site("first", "RSA", NULL,
	    "groups = P-384\nprefer_server_ciphers = no\n");
	make_site("usual", "RSA", NULL, "");
	make_site("new", "RSA", NULL, "min_version = 1.3\n");
	make_site("old", "RSA", NULL, "min_version = 1.0\n");
	make_site("oldec", "EC", "P-256", "min_version = 1.1\n");
	make_site("aes256", "RSA", NULL,
	    "ciphers = HIGH:!AES128:!CHACHA20\n"
	    "ciphersuites = TLS_AES_256_GCM_SHA384\n");
	gateway_start();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	gateway_stop();
	remove_dir();
	return 0;
}

struct offer {
	int version; /* 0: any */
	const char *ciphers;
	const char *suites;
	const char *groups;
};

static void
try_site(struct link *l, const char *site, const struct offer *o)
{
	SSL_CTX *ctx = client_context(o->version);
	char name[32];

	SSL_CTX_set_security_level(ctx, 0);
	if (o->ciphers != NULL)
		NEED(SSL_CTX_set_cipher_list(ctx, o->ciphers) == 1);
	if (o->suites != NULL)
		NEED(SSL_CTX_set_ciphersuites(ctx, o->suites) == 1);
	if (o->groups != NULL)
		NEED(SSL_CTX_set1_groups_list(ctx, o->groups) == 1);
	snprintf(name, sizeof(name), "%s.test", site);
	link_open(l, ctx, name);
	SSL_CTX_free(ctx);
	link_shake_hands(l);
}

static void
assert_version(const char *site, int version, bool is_spoken)
{
	struct link l;

	try_site(&l, site, &(struct offer){ .version = version });
	if (is_spoken) {
		assert_int_equal(l.verdict, TLS_OK);
		assert_int_equal(SSL_version(l.client), version);
		assert_true(link_echoes(&l));
	} else {
		assert_int_equal(l.verdict, TLS_FAILED);
		assert_string_equal(
		    tls_io_error(&l.server), "protocol_version");
	}
	link_close(&l);
}

static void
speaks_from_the_least_version_of_the_site(void **state)
{
	static const struct {
		const char *site;
		int least;
	} cases[] = {
		{ "usual", TLS1_2_VERSION },
		{ "new", TLS1_3_VERSION },
		{ "old", TLS1_VERSION },
		{ "oldec", TLS1_1_VERSION },
	};
	static const int versions[] = { TLS1_VERSION, TLS1_1_VERSION,
		TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t k = 0; k < ARRAY_LEN(versions); k++)
			assert_version(cases[i].site, versions[k],
			    versions[k] >= cases[i].least);
}

static const char *
cipher_of(const char *site, struct offer o)
{
	static char name[64];
	struct link l;

	try_site(&l, site, &o);
	snprintf(name, sizeof(name), "%s",
	    l.verdict == TLS_OK ? SSL_get_cipher_name(l.client)
				: tls_io_error(&l.server));
	link_close(&l);
	return name;
}

static void
speaks_the_ciphers_of_the_site(void **state)
{
	const struct offer any_12 = { .version = TLS1_2_VERSION };
	const struct offer any_13 = { .version = TLS1_3_VERSION };

	(void)state;
	assert_string_equal(
	    cipher_of("aes256", any_12), "ECDHE-RSA-AES256-GCM-SHA384");
	assert_string_equal(
	    cipher_of("aes256", any_13), "TLS_AES_256_GCM_SHA384");
	assert_string_equal(
	    cipher_of("aes256", (struct offer){ .version = TLS1_2_VERSION,
				    .ciphers = "ECDHE-RSA-CHACHA20-POLY1305" }),
	    "handshake_failure");
	/* HIGH has it, but there is nobody who could decrypt the secret */
	assert_string_equal(
	    cipher_of("aes256", (struct offer){ .version = TLS1_2_VERSION,
				    .ciphers = "AES256-GCM-SHA384" }),
	    "handshake_failure");
}

static void
whose_order_counts_is_the_sites_choice(void **state)
{
	static const char client_order[] =
	    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256";
	static const char phone[] = "ECDHE-RSA-CHACHA20-POLY1305:"
				    "ECDHE-RSA-AES128-GCM-SHA256";
	struct offer o = { .version = TLS1_2_VERSION, .ciphers = client_order };

	(void)state;
	o.groups = "P-384:X25519";
	assert_string_equal(
	    cipher_of("first", o), "ECDHE-RSA-AES256-GCM-SHA384");
	assert_string_equal(
	    cipher_of("usual", o), "ECDHE-RSA-AES128-GCM-SHA256");
	/* no AES in hardware */
	o.ciphers = phone;
	assert_string_equal(
	    cipher_of("usual", o), "ECDHE-RSA-CHACHA20-POLY1305");
}

static int
group_of(const char *site, const char *groups)
{
	struct link l;
	int nid;

	try_site(&l, site, &(struct offer){ .groups = groups });
	nid = l.verdict == TLS_OK ? (int)SSL_get_negotiated_group(l.client)
				  : NID_undef;
	link_close(&l);
	return nid;
}

static void
speaks_the_groups_of_the_site_and_not_of_the_first(void **state)
{
	(void)state;
	assert_int_equal(group_of("first", "X25519:P-384"), NID_secp384r1);
	assert_int_equal(group_of("first", "X25519"), NID_undef);
	assert_int_equal(group_of("usual", "X25519:P-384"), NID_X25519);
	assert_int_equal(group_of("usual", "P-521"), NID_secp521r1);
	assert_int_equal(group_of("usual", "brainpoolP256r1"), NID_undef);
}

static void
refuses_lists_by_the_name_of_the_key(void **state)
{
	static const struct {
		struct tls_conf tls;
		const char *key;
	} cases[] = {
		{ { .ciphers = "AES128-SHA" }, "ciphers" },
		{ { .ciphers = "ALL:@SECLEVEL=0" }, "ciphers" },
		{ { .ciphersuites = "TLS_RSA" }, "ciphersuites" },
		{ { .groups = "brainpoolP384r1" }, "groups" },
		{ { .groups = "X25519:" }, "groups" },
		{ { .groups = "?X25519" }, "groups" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
		struct tls_policy_fault fault;

		assert_false(tls_policy_apply(ctx, &cases[i].tls, &fault));
		assert_string_equal(fault.key, cases[i].key);
		assert_int_not_equal(strlen(fault.text), 0);
		SSL_CTX_free(ctx);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speaks_from_the_least_version_of_the_site),
		cmocka_unit_test(speaks_the_ciphers_of_the_site),
		cmocka_unit_test(whose_order_counts_is_the_sites_choice),
		cmocka_unit_test(
		    speaks_the_groups_of_the_site_and_not_of_the_first),
		cmocka_unit_test(refuses_lists_by_the_name_of_the_key),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
