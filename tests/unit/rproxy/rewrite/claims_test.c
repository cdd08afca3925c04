/*
 * Which header names a client may not bring along.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/rewrite/claims.h"
#include "rproxy/rewrite/profile.h"

static const char *const claimed[] = { "Forwarded", "X-Forwarded-For",
	"x_forwarded_for", "X-FORWARDED-PROTO", "X-Forwarded-Host",
	"X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-By",
	"X-Forwarded-Ssl", "X-Forwarded-Scheme", "X-Forwarded-Protocol",
	"X-Forwarded-Prefix", "X-Forwarded-Uri", "X-Forwarded-Client-Cert",
	"X-Forwarded-Tls-Client-Cert", "X-Forwarded", "X-Real-IP",
	"X-Client-IP", "Client-IP", "Client_IP", "True-Client-IP",
	"X-Cluster-Client-IP", "X-Original-URL", "X-Rewrite-URL",
	"X-Original-Host", "X-Host", "X-Proxied-Https", "Front-End-Https",
	"front_end_https", "X-Url-Scheme", "Client-Cert", "Client-Cert-Chain",
	"X-Client-Cert", "X-SSL-Client-Verify", "SSL_CLIENT_CERT",
	"ssl-client-cert", "ssl_client_escaped_cert", "SSL_CLIENT_CERT_CHAIN_1",
	"SSL_CIPHER", "SSL_CIPHER_SUITE", "SSL_SESSION_ID",
	"SSL_SECURE_PROTOCOL", "Proxy-Auth-Cert", "Proxy-SSL-ID",
	"ClientProtocol", "CLIENTPROTOCOL", "X-SAP-WebDisp-AP", "WL-Proxy-SSL",
	"wl_proxy_client_ip", "Proxy-Client-IP", "X-WebLogic-Force-JVMID",
	"$WSSC", "$wsis", "$anything", "_WS_HAPRT_WLMVERSION", "rmcorrelator",
	"Proxy", "Proxy-Connection", "Content_Length", "transfer_encoding" };

static const char *const harmless[] = { "Host", "Cookie", "Client",
	"Client-Certificate", "ClientProtocols", "SSL", "X-Forward",
	"Forwarded-For-Me", "Proxy-Authorization", "X-Requested-With",
	"X-CSRF-Token", "SAP-Contextid", "Front-End", "Sec-Fetch-Site",
	"Content-Length", "Transfer-Encoding", "WL-Proxy", "Authorization",
	"X-Hosts", "R", "X" };

static void
claims_are_recognized_in_every_spelling(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(claimed); i++) {
		if (!claims_is_claim(slice_of(claimed[i])))
			fail_msg("%s passes", claimed[i]);
	}
}

static void
other_names_pass(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(harmless); i++) {
		if (claims_is_claim(slice_of(harmless[i])))
			fail_msg("%s is taken for a claim", harmless[i]);
	}
}

static void
stripping_leaves_the_rest_in_order(void **state)
{
	const struct http_conf http = { 0 };
	const struct addr peer = { 0 };
	struct fields f = { 0 };

	(void)state;
	assert_true(fields_add(&f, SLICE("Host"), SLICE("a")));
	assert_true(fields_add(&f, SLICE("X_Forwarded_For"), SLICE("b")));
	assert_true(fields_add(&f, SLICE("Cookie"), SLICE("c")));
	claims_strip(&f, &http, &peer);
	assert_false(f.v[0].drop);
	assert_true(f.v[1].drop);
	assert_false(f.v[2].drop);
	fields_fini(&f);
}

struct trust_case {
	const char *peer;
	const char *name;
	bool stays;
};

static const struct trust_case trust_cases[] = {
	{ "10.9.1.2", "X-Forwarded-For", true },
	{ "10.9.1.2", "x-forwarded-for", true },
	{ "10.9.1.2", "x_forwarded_for", false },
	{ "10.9.1.2", "X-Forwarded-Proto", false },
	{ "10.9.1.2", "SM_USER", true },
	{ "10.9.1.2", "sm_serversessionid", true },
	{ "10.9.1.2", "sm-serversessionid", false },
	{ "10.9.1.2", "SM-USER", false },
	{ "10.9.1.2", "X-Sso-User", true },
	{ "10.9.1.2", "X_Sso_User", false },
	{ "10.9.1.2", "iv-user", false },
	{ "10.9.1.2", "Accept", true },
	{ "2001:db8::1", "SM_USER", true },
	{ "10.10.1.2", "X-Forwarded-For", false },
	{ "10.10.1.2", "SM_USER", false },
	{ "10.10.1.2", "sm-user", false },
	{ "10.10.1.2", "SMUSER", true },
	/* on no other list than trust_header */
	{ "10.10.1.2", "X-Sso-User", false },
	{ "10.10.1.2", "x_sso_user", false },
	{ "10.10.1.2", "X-Sso-Users", true },
	{ "10.10.1.2", "IV_User", false },
	{ "10.10.1.2", "iv-users", true },
	{ "10.10.1.2", "Accept", true },
};

static void
only_named_peers_may_state_named_headers(void **state)
{
	static char *trusted[] = { "X-Forwarded-For", "SM_*", "X-Sso-User" };
	static char *stripped[] = { "sm-*", "iv-user" };
	static struct cidr nets[2];
	const struct http_conf http = {
		.trust_from = { nets, 2 },
		.trust_header = { .v = trusted, .n = 3 },
		.strip_header = { .v = stripped, .n = 2 },
	};

	(void)state;
	assert_true(cidr_parse(SLICE("10.9.0.0/16"), &nets[0]));
	assert_true(cidr_parse(SLICE("2001:db8::/32"), &nets[1]));
	for (size_t i = 0; i < ARRAY_LEN(trust_cases); i++) {
		const struct trust_case *c = &trust_cases[i];
		struct fields f = { 0 };
		struct addr peer;

		assert_true(addr_parse_ip(slice_of(c->peer), 1, &peer));
		assert_true(fields_add(&f, slice_of(c->name), SLICE("x")));
		claims_strip(&f, &http, &peer);
		if (f.v[0].drop == c->stays)
			fail_msg("%s from %s", c->name, c->peer);
		fields_fini(&f);
	}
}

/* A client on a Unix socket, or one that the header does not name. */
static void
a_peer_without_address_is_nobody(void **state)
{
	static struct cidr nets[1];
	const struct http_conf http = { .trust_from = { nets, 1 } };
	const struct addr peer = { 0 };

	(void)state;
	assert_true(cidr_parse(SLICE("0.0.0.0/0"), &nets[0]));
	assert_false(claims_is_trusted(&http, &peer));
}

/* A header that we state and a client could state too would be a hole. */
static void
every_header_of_every_profile_is_a_claim(void **state)
{
	(void)state;
	for (int app = APP_NONE; app <= APP_RFC; app++) {
		const struct profile *p = profile_of((enum app_kind)app);

		assert_true(p->n_rows > 0);
		for (size_t i = 0; i < p->n_rows; i++) {
			if (!claims_is_claim(p->rows[i].name))
				fail_msg("%.*s", SLICE_FMT(p->rows[i].name));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claims_are_recognized_in_every_spelling),
		cmocka_unit_test(other_names_pass),
		cmocka_unit_test(stripping_leaves_the_rest_in_order),
		cmocka_unit_test(only_named_peers_may_state_named_headers),
		cmocka_unit_test(a_peer_without_address_is_nobody),
		cmocka_unit_test(every_header_of_every_profile_is_a_claim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
