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

static struct addr
address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(slice_of(text), &a));
	return a;
}

static void
expect(struct slice got, const char *want)
{
	if (!slice_eq(got, slice_of(want)))
		fail_msg("got \"%.*s\", want \"%s\"", SLICE_FMT(got), want);
}

static void
a_plain_client_is_known_by_its_socket(void **state)
{
	struct addr peer = address("192.0.2.1:40000");
	struct addr local = address("192.0.2.9:8080");
	struct client_facts *f = identity_from_socket(&peer, &local);

	(void)state;
	assert_non_null(f);
	expect(f->addr_text, "192.0.2.1");
	assert_int_equal(addr_port(&f->local), 8080);
	assert_false(f->https);
	assert_false(f->cert_verified);
	assert_null(f->tls);
	identity_free(f);
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
		.generation = 4,
	};

	(void)state;
	pp.src = address("[2001:db8::1]:40000");
	pp.dst = address("[2001:db8::2]:443");
	struct client_facts *f = identity_from_header(&pp);
	assert_non_null(f);
	memset(text, '#', sizeof(text) - 1);
	memset(&pp, 0xff, sizeof(pp));

	expect(f->addr_text, "2001:db8::1");
	assert_int_equal(addr_port(&f->local), 443);
	assert_true(f->https);
	assert_true(f->cert_verified);
	expect(f->tls->version, "TLSv1.3");
	expect(f->tls->chain[0], "chain0");
	expect(f->tls->chain[1], "chain1");
	assert_int_equal(f->tls->n_chain, 2);
	expect(f->tls->subject, "CN=u");
	expect(f->tls->authority, "portal");
	expect(f->tls->unique_id, "id-1");
	expect(f->tls->cert, "TLS");
	assert_int_equal(f->tls->generation, 4);
	assert_null(f->tls->issuer.p);
	identity_free(f);
}

static void
a_header_without_tls_is_plain_http(void **state)
{
	struct proxy_v2 pp = { .command = PROXY_V2_PROXY };

	(void)state;
	pp.src = address("192.0.2.7:1");
	struct client_facts *f = identity_from_header(&pp);
	assert_false(f->https);
	assert_int_equal(f->local.len, 0);
	expect(f->addr_text, "192.0.2.7");
	identity_free(f);
}

static void
a_client_without_an_address_is_unknown(void **state)
{
	struct proxy_v2 pp = { .command = PROXY_V2_PROXY };
	struct addr none = { .len = 0 };
	struct client_facts *f = identity_from_header(&pp);

	(void)state;
	expect(f->addr_text, "unknown");
	identity_free(f);
	f = identity_from_socket(&none, &none);
	expect(f->addr_text, "unknown");
	identity_free(f);
}

/* Trap 1: X509_V_OK without a certificate means nothing. */
static void
no_certificate_is_not_a_verified_one(void **state)
{
	struct proxy_v2 pp = { .command = PROXY_V2_PROXY,
		.has_ssl = true,
		.client = PROXY_V2_CLIENT_SSL,
		.verify = 0 };
	struct client_facts *f = identity_from_header(&pp);

	(void)state;
	assert_false(f->cert_verified);
	identity_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_client_is_known_by_its_socket),
		cmocka_unit_test(everything_in_a_header_is_copied),
		cmocka_unit_test(a_header_without_tls_is_plain_http),
		cmocka_unit_test(a_client_without_an_address_is_unknown),
		cmocka_unit_test(no_certificate_is_not_a_verified_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
