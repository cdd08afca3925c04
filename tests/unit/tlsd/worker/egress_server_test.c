#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "tests/unit/tlsd/worker/egress_fixture.h"

static void
finds_an_https_server_by_site_pool_and_address(void **state)
{
	(void)state;
	assert_non_null(egress_find("a.test", "mixed", "192.0.2.1:8443"));
	assert_non_null(egress_find("a.test", "mixed", "[2001:db8::1]:443"));
	assert_non_null(egress_find("a.test", "pair", "localhost:9443"));
	assert_null(egress_find("a.test", "mixed", "192.0.2.1:81"));
	assert_null(egress_find("a.test", "plain", "192.0.2.1:82"));
	assert_null(egress_find("a.test", "pair", "192.0.2.1:8443"));
	assert_null(egress_find("b.test", "mixed", "192.0.2.1:8443"));
	assert_null(egress_find("a.test", "mixed", "192.0.2.1:844"));
	assert_null(egress_find("a.test", "mixed", "192.0.2.1:84433"));
	assert_null(egress_find("", "", ""));
}

static void
needs_the_ports_of_https_servers_and_of_name_servers(void **state)
{
	static const uint16_t want[] = { 8443, 443, 9443, 53 };
	struct lock_up_egress needs = egress_servers_needs(servers);

	(void)state;
	assert_true(needs.has_names);
	assert_int_equal(needs.n_port, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_int_equal(needs.port[i], want[i]);
}

static void
every_context_verifies_and_speaks_1_2_or_later(void **state)
{
	static const char *const all[][2] = { { "mixed", "192.0.2.1:8443" },
		{ "mixed", "[2001:db8::1]:443" },
		{ "pair", "localhost:9443" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		SSL_CTX *ctx = egress_find("a.test", all[i][0], all[i][1])->ctx;

		assert_int_equal(SSL_CTX_get_verify_mode(ctx), SSL_VERIFY_PEER);
		assert_int_equal(
		    SSL_CTX_get_min_proto_version(ctx), TLS1_2_VERSION);
		assert_true(SSL_CTX_get_options(ctx) & SSL_OP_NO_RENEGOTIATION);
		assert_true(
		    X509_VERIFY_PARAM_get_flags(SSL_CTX_get0_param(ctx)) &
		    X509_V_FLAG_PARTIAL_CHAIN);
	}
}

static void
a_pool_has_one_context_and_its_own_certificate(void **state)
{
	const struct egress_server *a =
	    egress_find("a.test", "mixed", "192.0.2.1:8443");
	const struct egress_server *b =
	    egress_find("a.test", "mixed", "[2001:db8::1]:443");
	const struct egress_server *pair =
	    egress_find("a.test", "pair", "localhost:9443");

	(void)state;
	assert_ptr_equal(a->ctx, b->ctx);
	assert_ptr_not_equal(a->ctx, pair->ctx);
	assert_null(SSL_CTX_get0_certificate(a->ctx));
	assert_non_null(SSL_CTX_get0_certificate(pair->ctx));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    finds_an_https_server_by_site_pool_and_address),
		cmocka_unit_test(
		    needs_the_ports_of_https_servers_and_of_name_servers),
		cmocka_unit_test(
		    every_context_verifies_and_speaks_1_2_or_later),
		cmocka_unit_test(
		    a_pool_has_one_context_and_its_own_certificate),
	};

	return cmocka_run_group_tests(tests, egress_set_up, egress_tear_down);
}
