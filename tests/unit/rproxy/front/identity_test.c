/*
 * Facts about a client outlive what they were read from.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/front/identity.h"
#include "tests/unit/text.h"

static struct tls_params_list params;

static void
a_plain_client_is_known_by_its_socket(void **state)
{
	struct addr peer = addr_of("192.0.2.1:40000");
	struct identity *i = identity_from_socket(&peer);
	struct client_facts f;
	struct proxy_v2 tls;

	(void)state;
	assert_non_null(i);
	assert_false(identity_is_announced(i));
	assert_int_equal(identity_generation(i), 0);
	identity_tell(i, &f, &tls);
	assert_text(f.addr_text, "192.0.2.1");
	assert_true(addr_eq(&f.addr, &peer));
	assert_false(f.https);
	assert_false(f.cert_verified);
	assert_null(f.tls);
	identity_free(i);
}

/* Every slice of the header, in memory that is overwritten afterwards. */
static void
everything_in_a_header_is_copied(void **state)
{
	char text[] = "TLSv1.3 chain0 chain1 CN=u portal id-1";
	struct proxy_v2 pp = {
		.command = PROXY_V2_PROXY,
		.has_ssl = true,
		.client = PROXY_V2_CLIENT_SSL | PROXY_V2_CLIENT_CERT_CONN,
		.version = { text, 7 },
		.chain = { { text + 8, 6 }, { text + 15, 6 } },
		.n_chain = 2,
		.subject = { text + 22, 4 },
		.authority = { text + 27, 6 },
		.unique_id = { text + 34, 4 },
		.cert = { text, 3 },
		.cipher_bits = 256,
		.generation = 4,
	};

	(void)state;
	pp.src = addr_of("[2001:db8::1]:40000");
	struct identity *i = identity_from_header(&params, &pp);
	assert_non_null(i);
	memset(text, '#', sizeof(text) - 1);
	memset(&pp, 0xff, sizeof(pp));

	struct client_facts f;
	struct proxy_v2 tls;
	memset(&tls, 0xff, sizeof(tls));
	identity_tell(i, &f, &tls);
	assert_true(identity_is_announced(i));
	assert_int_equal(identity_generation(i), 4);
	assert_text(f.addr_text, "2001:db8::1");
	assert_int_equal(addr_port(&f.addr), 40000);
	assert_true(f.https);
	assert_true(f.cert_verified);
	assert_ptr_equal(f.tls, &tls);
	assert_true(addr_eq(&tls.src, &f.addr));
	assert_int_equal(tls.command, PROXY_V2_PROXY);
	assert_true(tls.has_ssl);
	assert_int_equal(
	    tls.client, PROXY_V2_CLIENT_SSL | PROXY_V2_CLIENT_CERT_CONN);
	assert_text(tls.version, "TLSv1.3");
	assert_text(tls.chain[0], "chain0");
	assert_text(tls.chain[1], "chain1");
	assert_null(tls.chain[2].p);
	assert_int_equal(tls.n_chain, 2);
	assert_text(tls.subject, "CN=u");
	assert_text(tls.authority, "portal");
	assert_text(tls.unique_id, "id-1");
	assert_text(tls.cert, "TLS");
	assert_int_equal(tls.verify, 0);
	assert_int_equal(tls.cipher_bits, 256);
	assert_int_equal(tls.generation, 4);
	assert_null(tls.issuer.p);
	identity_free(i);
}

/* As many bytes as a header can have, in the last slice of all. */
static void
a_long_chain_is_copied_whole(void **state)
{
	static char der[UINT16_MAX];
	struct proxy_v2 pp = { .command = PROXY_V2_PROXY, .n_chain = 8 };
	struct client_facts f;
	struct proxy_v2 tls;

	(void)state;
	memset(der, 'd', sizeof(der));
	pp.chain[7] = (struct slice){ der, sizeof(der) };
	struct identity *i = identity_from_header(&params, &pp);
	identity_tell(i, &f, &tls);
	assert_int_equal(tls.n_chain, 8);
	assert_true(slice_eq(tls.chain[7], pp.chain[7]));
	assert_int_equal(tls.chain[6].len, 0);
	identity_free(i);
}

/* For what is seen without slices. */
static struct client_facts
told(const struct proxy_v2 *pp)
{
	static struct proxy_v2 tls;
	struct identity *i = identity_from_header(&params, pp);
	struct client_facts f;

	assert_non_null(i);
	identity_tell(i, &f, &tls);
	identity_free(i);
	return f;
}

static void
a_header_without_tls_is_plain_http(void **state)
{
	struct proxy_v2 pp = { .command = PROXY_V2_PROXY };

	(void)state;
	pp.src = addr_of("192.0.2.7:1");
	assert_false(told(&pp).https);
	assert_false(told(&pp).tls->has_ssl);
}

static void
a_client_without_an_address_is_unknown(void **state)
{
	struct proxy_v2 pp = { .command = PROXY_V2_PROXY };
	struct addr none = { .len = 0 };
	struct addr path = addr_of("/run/x.sock");
	struct identity *all[] = { identity_from_header(&params, &pp),
		identity_from_socket(&none), identity_from_socket(&path) };

	(void)state;
	for (size_t n = 0; n < ARRAY_LEN(all); n++) {
		struct client_facts f;
		struct proxy_v2 tls;

		identity_tell(all[n], &f, &tls);
		assert_text(f.addr_text, "unknown");
		identity_free(all[n]);
	}
}

/* Trap 1: X509_V_OK without a certificate means nothing. */
static void
no_certificate_is_not_a_verified_one(void **state)
{
	struct proxy_v2 pp = { .command = PROXY_V2_PROXY,
		.has_ssl = true,
		.client = PROXY_V2_CLIENT_SSL,
		.verify = 0 };

	(void)state;
	assert_false(told(&pp).cert_verified);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_client_is_known_by_its_socket),
		cmocka_unit_test(everything_in_a_header_is_copied),
		cmocka_unit_test(a_long_chain_is_copied_whole),
		cmocka_unit_test(a_header_without_tls_is_plain_http),
		cmocka_unit_test(a_client_without_an_address_is_unknown),
		cmocka_unit_test(no_certificate_is_not_a_verified_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
