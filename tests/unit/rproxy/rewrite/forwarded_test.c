/*
 * Byte-exact headers for each application server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/rewrite/forwarded.h"

#define CERT SLICE("\x30\x03\x02\x01\x05")   /* MAMCAQU= */
#define ISSUER SLICE("\x30\x03\x02\x01\x06") /* MAMCAQY= */

enum client {
	PLAIN,
	TLS,
	TLS_CERT,
	TLS_UNVERIFIED
};

struct header_case {
	enum app_kind app;
	enum client client;
	const char *host;
	const char *want; /* "Name: value\n" each, in order */
};

#define XF(scheme, host, port)                                                 \
	"X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: " scheme "\n"          \
	"X-Forwarded-Host: " host "\nX-Forwarded-Port: " port "\n"
#define PEM1 "-----BEGIN CERTIFICATE----- MAMCAQU= -----END CERTIFICATE-----\n"
#define CIPHER "TLS_AES_256_GCM_SHA384\n"

static const struct header_case cases[] = {
	{ APP_NONE, PLAIN, "p.example.com",
	    XF("http", "p.example.com",
		"80") "Forwarded: "
		      "for=192.0.2.1;proto=http;host=p.example.com\n" },
	{ APP_NONE, TLS_CERT, "p.example.com:8443",
	    XF("https", "p.example.com:8443",
		"8443") "Forwarded: for=192.0.2.1;proto=https;"
			"host=\"p.example.com:8443\"\n" },
	{ APP_NONE, TLS, "[2001:db8::1]",
	    XF("https", "[2001:db8::1]",
		"443") "Forwarded: "
		       "for=192.0.2.1;proto=https;host=\"[2001:db8::1]\"\n" },
	{ APP_NONE, PLAIN, "",
	    "X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: http\n"
	    "X-Forwarded-Port: 80\nForwarded: for=192.0.2.1;proto=http\n" },
	{ APP_SAP_JAVA, PLAIN, "p",
	    XF("http", "p", "80") "ClientProtocol: http\n" },
	{ APP_SAP_JAVA, TLS, "p",
	    XF("https", "p", "443") "ClientProtocol: https\n"
				    "SSL_CIPHER_SUITE: " CIPHER
				    "SSL_CIPHER_USEKEYSIZE: 256\n" },
	{ APP_SAP_JAVA, TLS_CERT, "p",
	    XF("https", "p", "443") "ClientProtocol: https\n"
				    "SSL_CIPHER_SUITE: " CIPHER
				    "SSL_CIPHER_USEKEYSIZE: 256\n"
				    "SSL_CLIENT_CERT: MAMCAQU=\n"
				    "SSL_CLIENT_CERT_CHAIN_1: MAMCAQY=\n"
				    "SSL_CLIENT_CERT_CHAIN_2: MAMCAQU=\n" },
	{ APP_SAP_ABAP, TLS_UNVERIFIED, "p",
	    XF("https", "p", "443") "ClientProtocol: https\n"
				    "SSL_CIPHER_SUITE: " CIPHER
				    "SSL_CIPHER_USEKEYSIZE: 256\n"
				    "x-sap-webdisp-ap: HTTP=80,HTTPS=443\n" },
	{ APP_TOMCAT, TLS_CERT, "p",
	    XF("https", "p", "443") "ssl_client_cert: " PEM1
				    "ssl_cipher: " CIPHER
				    "ssl_session_id: 0a0b\n"
				    "ssl_cipher_usekeysize: "
				    "256\nssl_secure_protocol: TLSv1.3\n" },
	{ APP_TOMCAT, PLAIN, "p", XF("http", "p", "80") },
	{ APP_WILDFLY, PLAIN, "p", XF("http", "p", "80") },
	{ APP_WILDFLY, TLS_CERT, "p",
	    XF("https", "p", "443") "SSL_CLIENT_CERT: " PEM1
				    "SSL_CIPHER: " CIPHER
				    "SSL_SESSION_ID: 0a0b\n"
				    "SSL_CIPHER_USEKEYSIZE: 256\n" },
	{ APP_JETTY, TLS_CERT, "p",
	    XF("https", "p", "443") "Proxy-auth-cert: " CIPHER
				    "Proxy-ssl-id: 0a0b\n" },
	{ APP_WEBLOGIC, PLAIN, "p",
	    XF("http", "p", "80") "WL-Proxy-Client-IP: 192.0.2.1\n" },
	{ APP_WEBLOGIC, TLS_CERT, "p",
	    XF("https", "p", "443") "WL-Proxy-SSL: true\n"
				    "WL-Proxy-Client-IP: 192.0.2.1\n"
				    "WL-Proxy-Client-Cert: MAMCAQU=\n" },
	{ APP_WEBSPHERE, PLAIN, "p:8080",
	    XF("http", "p:8080", "8080") "$WSSC: http\n$WSIS: false\n"
					 "$WSSN: p\n$WSSP: 8080\n$WSPR: "
					 "HTTP/1.1\n$WSRA: 192.0.2.1\n"
					 "$WSRH: 192.0.2.1\n" },
	{ APP_WEBSPHERE, TLS_CERT, "p",
	    XF("https", "p",
		"443") "$WSSC: https\n$WSIS: true\n$WSSN: p\n"
		       "$WSSP: 443\n$WSPR: HTTP/1.1\n$WSRA: 192.0.2.1\n"
		       "$WSRH: 192.0.2.1\n$WSCS: " CIPHER "$WSSI: 0a0b\n"
		       "$WSCC: MAMCAQU=\n" },
	{ APP_RFC, TLS_CERT, "p",
	    "Forwarded: for=192.0.2.1;proto=https;host=p\n"
	    "Client-Cert: :MAMCAQU=:\n"
	    "Client-Cert-Chain: :MAMCAQY=:, :MAMCAQU=:\n" },
	{ APP_RFC, TLS, "p", "Forwarded: for=192.0.2.1;proto=https;host=p\n" },
};

static struct client_facts
facts_of(enum client client, struct proxy_v2 *tls)
{
	*tls = (struct proxy_v2){
		.has_ssl = true,
		.version = SLICE("TLSv1.3"),
		.cipher = SLICE("TLS_AES_256_GCM_SHA384"),
		.cipher_bits = 256,
		.session_id = SLICE("0a0b"),
	};
	if (client == TLS_CERT || client == TLS_UNVERIFIED) {
		tls->cert = CERT;
		tls->chain[0] = ISSUER;
		tls->chain[1] = CERT;
		tls->n_chain = 2;
	}
	return (struct client_facts){
		.https = client != PLAIN,
		.addr_text = SLICE("192.0.2.1"),
		.tls = client == PLAIN ? NULL : tls,
		.cert_verified = client == TLS_CERT,
	};
}

static void
write_fields(const struct fields *f, char *out, size_t room)
{
	size_t n = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < f->n; i++) {
		n += (size_t)snprintf(out + n, room - n, "%.*s: %.*s\n",
		    SLICE_FMT(f->v[i].name), SLICE_FMT(f->v[i].value));
		assert_true(n < room);
	}
}

static void
each_server_gets_its_headers_byte_for_byte(void **state)
{
	static char points[] = "HTTP=80,HTTPS=443";
	char got[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct header_case *c = &cases[i];
		struct site_conf site = { .app = c->app,
			.access_points = points };
		struct proxy_v2 tls;
		struct client_facts who = facts_of(c->client, &tls);
		struct fields f = { 0 };
		struct arena a;

		arena_init(&a, 65536);
		assert_true(
		    forwarded_add(&f, &who, &site, slice_of(c->host), &a));
		write_fields(&f, got, sizeof(got));
		if (strcmp(got, c->want) != 0)
			fail_msg("case %zu:\n%swant:\n%s", i, got, c->want);
		fields_fini(&f);
		arena_fini(&a);
	}
}

/* Tomcat drops 27 characters in front, Undertow 28 in front and 26 behind. */
static void
pem_in_one_line_survives_the_offsets_of_tomcat_and_undertow(void **state)
{
	const char *pem = PEM1;
	size_t len = strlen(pem) - 1; /* without the newline */

	(void)state;
	assert_memory_equal(pem + 27, " MAMCAQU= ", 10);
	assert_int_equal(len - 28 - 26, 8);
	assert_memory_equal(pem + 28, "MAMCAQU=", 8);
}

static void
ipv6_clients_are_quoted_in_forwarded(void **state)
{
	struct site_conf site = { .app = APP_RFC };
	struct client_facts who = { .addr_text = SLICE("2001:db8::9") };
	struct fields f = { 0 };
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	assert_true(forwarded_add(&f, &who, &site, SLICE("p"), &a));
	assert_true(slice_eq(
	    f.v[0].value, SLICE("for=\"[2001:db8::9]\";proto=http;host=p")));
	fields_fini(&f);
	arena_fini(&a);
}

/* client_verify = optional_any: never the certificate without the verdict. */
static void
an_unverified_certificate_goes_with_the_verdict(void **state)
{
	static const struct {
		enum app_kind app;
		enum client client;
		const char *want;
	} rows[] = {
		{ APP_TOMCAT, TLS_UNVERIFIED,
		    "ssl_client_cert: " PEM1
		    "SSL_CLIENT_VERIFY: FAILED:self-signed certificate\n" },
		{ APP_TOMCAT, TLS_CERT,
		    "ssl_client_cert: " PEM1 "SSL_CLIENT_VERIFY: SUCCESS\n" },
		{ APP_RFC, TLS_UNVERIFIED,
		    "Client-Cert: :MAMCAQU=:\n"
		    "SSL_CLIENT_VERIFY: FAILED:self-signed certificate\n" },
		{ APP_WEBLOGIC, TLS, "" },
		{ APP_JETTY, TLS_UNVERIFIED, "" },
	};
	char got[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct site_conf site = { .app = rows[i].app,
			.tls.client_verify = CLIENT_VERIFY_OPTIONAL_ANY };
		struct proxy_v2 tls;
		struct client_facts who = facts_of(rows[i].client, &tls);
		struct fields f = { 0 };
		struct arena a;

		tls.verify_text = SLICE("self-signed certificate");
		arena_init(&a, 65536);
		assert_true(forwarded_add(&f, &who, &site, SLICE("p"), &a));
		write_fields(&f, got, sizeof(got));
		if (strstr(got, rows[i].want) == NULL ||
		    (rows[i].want[0] == '\0' && strstr(got, "VERIFY") != NULL))
			fail_msg("case %zu:\n%s", i, got);
		fields_fini(&f);
		arena_fini(&a);
	}
}

static void
what_a_trusted_peer_states_is_not_stated_again(void **state)
{
	static struct cidr net[1];
	struct site_conf site = { .app = APP_TOMCAT,
		.http.trust_from = { net, 1 } };
	struct client_facts who = { .addr_text = SLICE("192.0.2.1") };
	struct fields f = { 0 };
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	assert_true(cidr_parse(SLICE("192.0.2.0/24"), &net[0]));
	assert_true(addr_parse_ip(SLICE("192.0.2.1"), 1, &who.addr));
	assert_true(
	    fields_add(&f, SLICE("x_forwarded_for"), SLICE("198.51.100.7")));
	assert_true(forwarded_add(&f, &who, &site, SLICE("p"), &a));
	assert_null(fields_find(&f, SLICE("X-Forwarded-For")));
	assert_non_null(fields_find(&f, SLICE("X-Forwarded-Proto")));
	fields_fini(&f);
	arena_fini(&a);
}

/* What the server reads besides X-Forwarded-For must name the same client. */
static void
the_client_that_a_trusted_peer_names_is_the_client(void **state)
{
	static const struct {
		enum app_kind app;
		const char *stated;
		const char *want;
	} rows[] = {
		{ APP_NONE, "198.51.100.7", "Forwarded: for=198.51.100.7;" },
		{ APP_NONE, "2001:db8::7", "for=\"[2001:db8::7]\";" },
		{ APP_NONE, "6.6.6.6, 198.51.100.7", "for=198.51.100.7;" },
		{ APP_NONE, "unknown", "Forwarded: for=192.0.2.1;" },
		{ APP_WEBLOGIC, "198.51.100.7",
		    "WL-Proxy-Client-IP: 198.51.100.7\n" },
		{ APP_WEBSPHERE, "198.51.100.7",
		    "$WSRA: 198.51.100.7\n$WSRH: 198.51.100.7\n" },
	};
	static struct cidr net[1];
	char got[4096];

	(void)state;
	assert_true(cidr_parse(SLICE("192.0.2.0/24"), &net[0]));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct site_conf site = { .app = rows[i].app,
			.http.trust_from = { net, 1 } };
		struct client_facts who = { .addr_text = SLICE("192.0.2.1") };
		struct fields f = { 0 };
		struct arena a;

		arena_init(&a, 4096);
		assert_true(addr_parse_ip(SLICE("192.0.2.1"), 1, &who.addr));
		assert_true(fields_add(
		    &f, SLICE("X-Forwarded-For"), slice_of(rows[i].stated)));
		assert_true(forwarded_add(&f, &who, &site, SLICE("p"), &a));
		write_fields(&f, got, sizeof(got));
		if (strstr(got, rows[i].want) == NULL)
			fail_msg("case %zu:\n%s", i, got);
		fields_fini(&f);
		arena_fini(&a);
	}
}

/* The certificate that a balancer has shown itself is not its client's. */
static void
a_trusted_peers_own_certificate_is_not_taken_for_its_clients(void **state)
{
	static const struct {
		const char *trusted;
		const char *stated; /* by the peer; NULL: nothing */
		bool own;           /* its own is told of */
	} rows[] = {
		{ "X-Forwarded-For", NULL, true },
		{ "ssl_client_cert", NULL, false },
		{ "SSL_CLIENT_CERT", "SSL_CLIENT_CERT", false },
		{ "SSL_*", "SSL_CLIENT_CERT", false },
		{ "SSL_CLIENT_VERIFY", NULL, false },
	};
	static struct cidr net[1];
	char got[4096];

	(void)state;
	assert_true(cidr_parse(SLICE("192.0.2.0/24"), &net[0]));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char name[32];
		char *names[1] = { name };
		struct site_conf site = { .app = APP_SAP_JAVA,
			.tls.client_verify = CLIENT_VERIFY_OPTIONAL_ANY,
			.http.trust_from = { net, 1 },
			.http.trust_header = { .v = names, .n = 1 } };
		struct proxy_v2 tls;
		struct client_facts who = facts_of(TLS_CERT, &tls);
		struct fields f = { 0 };
		struct arena a;

		(void)snprintf(name, sizeof(name), "%s", rows[i].trusted);
		arena_init(&a, 65536);
		assert_true(addr_parse_ip(SLICE("192.0.2.1"), 1, &who.addr));
		if (rows[i].stated != NULL)
			assert_true(fields_add(
			    &f, slice_of(rows[i].stated), SLICE("theirs")));
		assert_true(forwarded_add(&f, &who, &site, SLICE("p"), &a));
		write_fields(&f, got, sizeof(got));
		if ((strstr(got, "MAMCAQ") != NULL) != rows[i].own ||
		    (strstr(got, "SUCCESS") != NULL) != rows[i].own ||
		    (strstr(got, "theirs") != NULL) != (rows[i].stated != NULL))
			fail_msg("case %zu:\n%s", i, got);
		fields_fini(&f);
		arena_fini(&a);
	}
}

/* A PROXY header of a connection without TLS may say more than it should. */
static void
nothing_about_tls_is_told_of_a_plain_connection(void **state)
{
	char got[4096];

	(void)state;
	for (int app = APP_NONE; app <= APP_RFC; app++) {
		struct site_conf site = { .app = (enum app_kind)app,
			.tls.client_verify = CLIENT_VERIFY_OPTIONAL_ANY };
		struct proxy_v2 tls;
		struct client_facts who = facts_of(TLS_UNVERIFIED, &tls);
		struct fields f = { 0 };
		struct arena a;

		who.https = false;
		arena_init(&a, 65536);
		assert_true(forwarded_add(&f, &who, &site, SLICE("p"), &a));
		write_fields(&f, got, sizeof(got));
		if (strstr(got, "MAMCAQ") != NULL ||
		    strstr(got, "TLS") != NULL || strstr(got, "0a0b") != NULL ||
		    strstr(got, "FAILED") != NULL)
			fail_msg("app %d:\n%s", app, got);
		fields_fini(&f);
		arena_fini(&a);
	}
}

/* PROXY headers may come from other senders than tlsd. */
static void
facts_with_line_ends_are_left_out(void **state)
{
	struct site_conf site = { .app = APP_JETTY };
	struct proxy_v2 tls = { .cipher = SLICE("A\r\nX: y"),
		.session_id = SLICE("0a") };
	struct client_facts who = {
		.https = true, .addr_text = SLICE("192.0.2.1"), .tls = &tls
	};
	struct fields f = { 0 };
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	assert_true(forwarded_add(&f, &who, &site, SLICE("p"), &a));
	assert_null(fields_find(&f, SLICE("Proxy-auth-cert")));
	assert_non_null(fields_find(&f, SLICE("Proxy-ssl-id")));
	fields_fini(&f);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_server_gets_its_headers_byte_for_byte),
		cmocka_unit_test(
		    pem_in_one_line_survives_the_offsets_of_tomcat_and_undertow),
		cmocka_unit_test(ipv6_clients_are_quoted_in_forwarded),
		cmocka_unit_test(
		    an_unverified_certificate_goes_with_the_verdict),
		cmocka_unit_test(
		    what_a_trusted_peer_states_is_not_stated_again),
		cmocka_unit_test(
		    the_client_that_a_trusted_peer_names_is_the_client),
		cmocka_unit_test(
		    a_trusted_peers_own_certificate_is_not_taken_for_its_clients),
		cmocka_unit_test(
		    nothing_about_tls_is_told_of_a_plain_connection),
		cmocka_unit_test(facts_with_line_ends_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
