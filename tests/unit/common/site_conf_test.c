#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/schema.h"
#include "common/site_conf.h"
#include "common/site_value.h"
#include "tests/unit/ini_files.h"

#define POOL "[pool p]\nserver = http://127.0.0.1:8080\n"
#define ROUTE "[route r]\nprefix = /\npool = p\n"

struct run {
	struct ini_files t;
	struct string_list patterns;
	struct site_list sites;
};

static void
start(struct run *r)
{
	memset(r, 0, sizeof(*r));
	ini_files_make(&r->t);
}

static void
read_sites(struct run *r, const char *pattern)
{
	const struct conf_place at = { "main.ini", 3 };

	string_list_add(
	    &r->patterns, mem_need_strdup(ini_files_path(&r->t, pattern)), at);
	site_list_read(&r->sites, r->t.bundle, &r->patterns, r->t.faults);
}

static void
stop(struct run *r)
{
	site_list_free(&r->sites);
	string_list_release(&r->patterns);
	ini_files_remove(&r->t);
}

static void
fills_a_whole_site(void **state)
{
	static const char text[] =
	    "[site]\nnames = Portal.Example.COM\nnames = *.p.example.com\n"
	    "names = 127.0.0.1\nnames = ::1\napp = sap-java\ndefault = yes\n"
	    "[tls]\ncertificate = c.pem\nkey = c.key\nmin_version = 1.3\n"
	    "client_verify = optional\nclient_ca = ca.pem\n"
	    "[http]\nvia = block\nvia_name = gw\ntimeout = 600s\n"
	    "root_redirect = /irj/portal?x=1\nhttps_redirect = yes\n"
	    "request_header = Front-End-Https: On\n"
	    "request_header = X-A:b:c\nrequest_header_remove = X-Debug\n"
	    "response_header = X-List: a \\; b\n"
	    "access_log = a.log\n"
	    "[route portal]\nprefix = /irj\nprefix = /logon\npool = j2ee\n"
	    "[route reports]\nprefix = /reports\nto = /crystal/reports\n"
	    "pool_http = j2ee\npool_https = other\ntimeout = 5s\n"
	    "max_body = 100m\nrequire_tls = yes\n"
	    "[pool j2ee]\nserver = http://10.1.0.11:50000 id=J2EE6500 "
	    "weight=2\n"
	    "server = http://[2001:db8::1]:50000 id=J2EE6501\n"
	    "alias = HTTPS://J2EE.intra\n"
	    "[pool other]\nserver = http://10.1.0.11\n"
	    "server = https://Reports.intra:8443\ntls_name = Reports.Intra\n"
	    "tls_ca = ca.pem\ntls_ca = old-ca.pem\n"
	    "tls_certificate = gw.pem\ntls_key = gw.key\n";
	const struct site_conf *s = NULL;
	struct run r;

	(void)state;
	start(&r);
	(void)ini_files_write(&r.t, "a.ini", text);
	read_sites(&r, "a.ini");
	assert_null(conf_fault_text(r.t.faults, 0));
	assert_int_equal(r.sites.n, 1);
	s = r.sites.v[0];
	assert_string_equal(s->name, "portal.example.com");
	assert_string_equal(s->host, "portal.example.com");
	assert_string_equal(s->names.v[1], "*.p.example.com");
	assert_int_equal(s->names.n, 4);
	assert_int_equal(s->app, APP_SAP_JAVA);
	assert_true(s->is_default);
	assert_true(s->tls.present);
	assert_int_equal(s->tls.at.line, 8);
	assert_int_equal(s->tls.min_version, TLS_MIN_1_3);
	assert_int_equal(s->tls.client_verify, CLIENT_VERIFY_OPTIONAL);
	assert_int_equal(s->tls.client_depth, 3);
	assert_int_equal(s->tls.key.v[0][0], '/');
	assert_int_equal(s->http.via, VIA_BLOCK);
	assert_string_equal(s->http.via_name, "gw");
	assert_true(s->http.preserve_host);
	assert_true(s->http.https_redirect);
	assert_int_equal(s->http.https_port, 443);
	assert_string_equal(s->http.root_redirect, "/irj/portal?x=1");
	assert_int_equal(s->http.request_header.n, 2);
	assert_string_equal(s->http.request_header.v[1].name, "X-A");
	assert_string_equal(s->http.request_header.v[1].value, "b:c");
	assert_string_equal(s->http.request_header_remove.v[0].name, "X-Debug");
	assert_string_equal(s->http.response_header.v[0].value, "a ; b");
	assert_int_equal(s->n_route, 2);
	assert_string_equal(s->route[0].name, "portal");
	assert_int_equal(s->route[0].timeout_ms, 600000);
	assert_ptr_equal(s->route[0].pool_http, &s->pool[0]);
	assert_ptr_equal(s->route[0].pool_https, &s->pool[0]);
	assert_null(s->route[0].to);
	assert_string_equal(s->route[1].to, "/crystal/reports");
	assert_int_equal(s->route[1].timeout_ms, 5000);
	assert_int_equal(s->route[1].max_body_bytes, 100 << 20);
	assert_ptr_equal(s->route[1].pool_https, &s->pool[1]);
	assert_int_equal(s->pool[0].n_server, 2);
	assert_int_equal(s->pool[0].server[0].weight, 2);
	assert_string_equal(s->pool[0].server[0].id, "J2EE6500");
	assert_string_equal(s->pool[0].server[1].host, "2001:db8::1");
	assert_int_equal(s->pool[0].server[1].weight, 1);
	assert_string_equal(s->pool[0].alias[0].host, "j2ee.intra");
	assert_int_equal(s->pool[0].alias[0].port, 443);
	assert_true(s->pool[0].alias[0].https);
	/* by the kind of server: rproxy's business */
	assert_int_equal(s->pool[0].keepalive_timeout_ms, 0);
	assert_int_equal(s->pool[1].server[0].port, 80);
	assert_true(s->pool[1].server[1].https);
	assert_string_equal(s->pool[1].server[1].host, "reports.intra");
	assert_string_equal(s->pool[1].tls_name, "reports.intra");
	assert_int_equal(s->pool[1].tls_ca.n, 2);
	assert_int_equal(s->pool[1].tls_certificate.v[0][0], '/');
	assert_int_equal(s->pool[1].tls_key.n, 1);
	stop(&r);
}

static void
has_defaults_for_a_short_site(void **state)
{
	const struct site_conf *s = NULL;
	struct run r;

	(void)state;
	start(&r);
	(void)ini_files_write(&r.t, "a.ini", "[site]\nnames = a\n" ROUTE POOL);
	read_sites(&r, "a.ini");
	assert_null(conf_fault_text(r.t.faults, 0));
	s = r.sites.v[0];
	assert_false(s->tls.present);
	assert_false(s->is_default);
	assert_int_equal(s->http.via, VIA_ON);
	assert_true(site_value_is_token(slice_of(s->http.via_name)));
	assert_int_equal(s->http.timeout_ms, 60000);
	assert_int_equal(s->route[0].timeout_ms, 60000);
	assert_int_equal(s->route[0].max_body_bytes, 0);
	assert_int_equal(s->pool[0].connect_timeout_ms, 5000);
	assert_null(s->pool[0].server[0].id);
	stop(&r);
}

static void
has_a_host_whatever_its_first_name_is(void **state)
{
	static const char *const cases[][2] = {
		{ "*.example.com", "example.com" },
		{ "2001:db8::1", "[2001:db8::1]" }, { "192.0.2.1", "192.0.2.1" }
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[200];
		struct run r;

		start(&r);
		(void)snprintf(text, sizeof(text), "[site]\nnames = %s\n%s%s",
		    cases[i][0], ROUTE, POOL);
		(void)ini_files_write(&r.t, "a.ini", text);
		read_sites(&r, "a.ini");
		assert_string_equal(r.sites.v[0]->host, cases[i][1]);
		stop(&r);
	}
}

static void
names_the_faults_of_one_site(void **state)
{
	static const struct {
		const char *text;
		const char *faults[8];
	} rows[] = {
		{ "[site]\nnames = a b\nnames = a.*.b\nnames = *\n"
		  "names = a:80\nnames = [::1]\nnames = ok\nnames = 1.2.3\n",
		    { "error: a.ini:2: site.names: \"a b\": not a host name",
			"error: a.ini:3: site.names: \"a.*.b\": '*' may only",
			"error: a.ini:4: site.names: \"*\": '*' may only",
			"error: a.ini:5: site.names: \"a:80\": not a host",
			"error: a.ini:6: site.names: \"[::1]\": write an IPv6",
			"error: a.ini:8: site.names: \"1.2.3\": not a host" } },
		{ "[site]\ndefault = yes\n",
		    { "error: a.ini:1: site.names: missing" } },
		{ "[site]\nnames = a\nnames = A\n",
		    { "error: a.ini:3: site.names: \"a\" is claimed in "
		      "a.ini:2" } },
		{ "[site]\nnames = a\n[tls]\ncertificate = a\n"
		  "certificate = b\nkey = a\n",
		    { "error: a.ini:3: tls.key: 2 certificate and 1 key "
		      "lines" } },
		{ "[site]\nnames = a\n[tls]\ncertificate = a\n",
		    { "error: a.ini:3: tls.key: missing" } },
		{ "[site]\nnames = a\n[tls]\ncertificate = a\nkey = b\n"
		  "client_verify = required\n",
		    { "error: a.ini:3: tls.client_ca: missing" } },
		{ "[site]\nnames = a\n[tls]\ncertificate = a\nkey = b\n"
		  "client_ca = c\n",
		    { "warning: a.ini:6: tls.client_ca: without effect" } },
		{ "[site]\nnames = a\n[http]\nvia_name = a b\n"
		  "root_redirect = //evil.example\n"
		  "root_redirect = irj\n",
		    { "error: a.ini:4: http.via_name: \"a b\"",
			"error: a.ini:5: http.root_redirect: "
			"\"//evil.example\": not a path",
			"error: a.ini:6: http.root_redirect: given twice" } },
		{ "[site]\nnames = a\n[http]\nrequest_header = Host: x\n"
		  "request_header = a b: c\nrequest_header = none\n"
		  "response_header = transfer-encoding: chunked\n"
		  "request_header_remove = Content-Length\n"
		  "response_header = X: \xc3\xa4\n",
		    { "error: a.ini:4: http.request_header: \"Host: x\": this "
		      "field is the gateway's own",
			"error: a.ini:5: http.request_header: \"a b: c\": "
			"malformed header name",
			"error: a.ini:6: http.request_header: \"none\": write "
			"NAME: VALUE",
			"error: a.ini:7: http.response_header",
			"error: a.ini:8: http.request_header_remove",
			"error: a.ini:9: http.response_header: \"X: "
			"\xc3\xa4\": malformed header value" } },
		{ "[site]\nnames = a\n[http]\nrequest_header = A: 1\n"
		  "request_header = a: 2\nresponse_header = A: 1\n",
		    { "error: a.ini:5: http.request_header: a is given "
		      "twice" } },
		{ "[site]\nnames = a\n[route r]\nprefix = irj\nprefix = /a?b\n"
		  "prefix = /a/../b\nto = x\npool = p\n" POOL,
		    { "error: a.ini:4: route.prefix: \"irj\": not a path",
			"error: a.ini:5: route.prefix: \"/a?b\": not a plain",
			"error: a.ini:6: route.prefix: \"/a/../b\": not a",
			"error: a.ini:7: route.to: \"x\": not a path" } },
		{ "[site]\nnames = a\n[route r]\nprefix = /a\npool = j2e\n"
		  "[route s]\nprefix = /a\npool = xyz\n"
		  "[pool j2ee]\nserver = http://h\n",
		    { "error: a.ini:5: route.pool: no [pool j2e] in this file, "
		      "did you mean \"j2ee\"?",
			"error: a.ini:8: route.pool: no [pool xyz] in this "
			"file, add one",
			"error: a.ini:7: route.prefix: \"/a\" is given twice",
			"warning: a.ini:9: [pool j2ee]: no route uses it" } },
		{ "[site]\nnames = a\n[route r]\nprefix = /a\npool_http = p\n"
		  "[route s]\nprefix = /b\npool = p\npool_https = p\n" POOL,
		    { "error: a.ini:3: route.pool: missing, write pool = NAME",
			"error: a.ini:8: route.pool: not together with",
			"warning: a.ini:10: [pool p]: no route uses it" } },
		{ "[site]\nnames = a\n[tls]\ncertificate = a\nkey = b\n"
		  "[route r]\nprefix = /\npool = p\n"
		  "require_client_cert = yes\n" POOL,
		    { "warning: a.ini:6: route.require_client_cert: nobody is "
		      "asked" } },
		{ "[site]\nnames = a\n" ROUTE "[pool p]\nserver = 10.0.0.1\n"
		  "server = http://h/x\nserver = http://u@h\n"
		  "server = http://h:0\nserver = http://h:65536\n"
		  "server = http://h weight=0\n",
		    { "error: a.ini:7: pool.server: \"10.0.0.1\": write "
		      "http://HOST:PORT",
			"error: a.ini:8: pool.server: \"http://h/x\": no path",
			"error: a.ini:9: pool.server: \"http://u@h\": user",
			"error: a.ini:10: pool.server: \"http://h:0\": "
			"malformed host or port",
			"error: a.ini:11: pool.server: \"http://h:65536\"",
			"error: a.ini:12: pool.server: \"http://h weight=0\": "
			"malformed weight" } },
		{ "[site]\nnames = a\n" ROUTE "[pool p]\n"
		  "server = https://h:1\nserver = http://h:2 id=a\n"
		  "server = http://h:3 id=a\nserver = http://H:2\n"
		  "tls_key = x\ntls_name = *.h\n",
		    { "error: a.ini:12: pool.tls_name: \"*.h\": name one host",
			"error: a.ini:9: pool.server: id a is given twice",
			"error: a.ini:10: pool.server: h:2 is given twice",
			"error: a.ini:6: pool.tls_key: 0 tls_certificate and "
			"1 tls_key lines" } },
		{ "[site]\nnames = a\n" ROUTE
		  "[pool p]\nserver = http://h:1\ntls_ca = x\n",
		    { "warning: a.ini:6: [pool p]: tls_ca, tls_name, "
		      "tls_certificate and tls_key are without effect" } },
		/* whose server was to be one of https */
		{ "[site]\nnames = a\n" ROUTE
		  "[pool p]\nserver = https://h:1/x\ntls_ca = x\n",
		    { "error: a.ini:7: pool.server: \"https://h:1/x\": no "
		      "path" } },
		{ "[site]\nnames = a\n" ROUTE
		  "[pool p]\nserver = http://h id=a id=b\n"
		  "server = http://h id=a;b\nserver = http://h x=y\n"
		  "health = irj\nalias = http://h:1/x\n",
		    { "error: a.ini:7: pool.server: \"http://h id=a id=b\": "
		      "unknown or repeated word",
			"error: a.ini:8: pool.server: \"http://h id=a;b\": "
			"malformed id",
			"error: a.ini:9: pool.server: \"http://h x=y\": "
			"unknown or repeated word",
			"error: a.ini:10: pool.health: \"irj\": not a path",
			"error: a.ini:11: pool.alias: \"http://h:1/x\": no "
			"path" } },
		{ "[site]\nnames = a\n" ROUTE "[pool p]\n",
		    { "error: a.ini:6: pool.server: missing" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct run r;

		start(&r);
		(void)ini_files_write(&r.t, "a.ini", rows[i].text);
		read_sites(&r, "a.ini");
		ini_files_expect(&r.t, rows[i].text, rows[i].faults);
		stop(&r);
	}
}

static void
checks_all_sites_together(void **state)
{
	static const char *const want[] = {
		"error: c.ini:2: site.names: \"a\" is claimed in a.ini:2",
		"error: c.ini:4: site.default: a.ini is the default site", NULL
	};
	struct run r;

	(void)state;
	start(&r);
	(void)ini_files_write(
	    &r.t, "c.ini", "[site]\nnames = A\nnames = c\ndefault = yes\n");
	(void)ini_files_write(
	    &r.t, "a.ini", "[site]\nnames = a\ndefault = yes\n");
	(void)ini_files_write(&r.t, "b.ini", "[site]\nnames = b\n");
	read_sites(&r, "*.ini");
	ini_files_expect(&r.t, "all", want);
	assert_int_equal(r.sites.n, 3);
	assert_string_equal(r.sites.v[0]->name, "a");
	assert_string_equal(r.sites.v[1]->name, "b");
	assert_string_equal(r.sites.v[2]->name, "a");
	stop(&r);
}

/* No client of TLS sends one, so another site would answer. */
static void
warns_of_an_address_that_tls_cannot_find(void **state)
{
	static const char *const want[] = {
		"warning: b.ini:3: site.names: over TLS a client that uses "
		"the address 192.0.2.1",
		"warning: b.ini:4: site.names: over TLS a client that uses "
		"the address 2001:db8::1",
		NULL
	};
	struct run r;

	(void)state;
	start(&r);
	(void)ini_files_write(&r.t, "a.ini",
	    "[site]\nnames = 192.0.2.3\ndefault = yes\n"
	    "[tls]\ncertificate = c\nkey = k\n");
	(void)ini_files_write(&r.t, "b.ini",
	    "[site]\nnames = b\nnames = 192.0.2.1\nnames = 2001:db8::1\n"
	    "[tls]\ncertificate = c\nkey = k\n");
	(void)ini_files_write(&r.t, "c.ini", "[site]\nnames = 192.0.2.2\n");
	read_sites(&r, "*.ini");
	ini_files_expect(&r.t, "addresses", want);
	stop(&r);
}

static void
refuses_a_pattern_that_names_no_file(void **state)
{
	static const char *const want[] = {
		"error: main.ini:3: sites: no file matches q*.ini",
		"error: main.ini:3: sites: no file matches q*.ini",
		"error: main.ini:3: sites: x.ini cannot be read: No such file",
		NULL
	};
	struct run r;

	(void)state;
	start(&r);
	read_sites(&r, "q*.ini");
	read_sites(&r, "x.ini");
	assert_int_equal(r.sites.n, 0);
	ini_files_expect(&r.t, "patterns", want);
	stop(&r);
}

static void
reads_a_file_once_however_often_it_is_named(void **state)
{
	struct run r;

	(void)state;
	start(&r);
	(void)ini_files_write(&r.t, "a.ini", "[site]\nnames = a\n");
	string_list_add(&r.patterns,
	    mem_need_strdup(ini_files_path(&r.t, "a.ini")),
	    (struct conf_place){ "main.ini", 2 });
	read_sites(&r, "*.ini");
	assert_null(conf_fault_text(r.t.faults, 0));
	assert_int_equal(r.sites.n, 1);
	stop(&r);
}

/* What a child does: no disk, the same sites in the same order. */
static void
finds_the_same_sites_in_a_sealed_bundle(void **state)
{
	struct run r;
	struct bundle *sealed = NULL;
	struct site_list again;

	(void)state;
	start(&r);
	(void)ini_files_write(&r.t, "b.ini", "[site]\nnames = b\n");
	(void)ini_files_write(&r.t, "a.ini", "[site]\nnames = a\n");
	(void)ini_files_write(&r.t, ".c.ini", "[site]\nnames = c\n");
	read_sites(&r, "*.ini");
	assert_int_equal(r.sites.n, 2);
	sealed = bundle_open(bundle_seal(r.t.bundle));
	assert_non_null(sealed);
	for (size_t i = 0; i < r.t.n; i++)
		assert_int_equal(unlink(ini_files_path(&r.t, r.t.names[i])), 0);
	site_list_read(&again, sealed, &r.patterns, r.t.faults);
	assert_null(conf_fault_text(r.t.faults, 0));
	assert_int_equal(again.n, 2);
	for (size_t i = 0; i < again.n; i++)
		assert_string_equal(again.v[i]->file, r.sites.v[i]->file);
	site_list_free(&again);
	bundle_free(sealed);
	stop(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_a_whole_site),
		cmocka_unit_test(has_defaults_for_a_short_site),
		cmocka_unit_test(has_a_host_whatever_its_first_name_is),
		cmocka_unit_test(names_the_faults_of_one_site),
		cmocka_unit_test(checks_all_sites_together),
		cmocka_unit_test(warns_of_an_address_that_tls_cannot_find),
		cmocka_unit_test(refuses_a_pattern_that_names_no_file),
		cmocka_unit_test(reads_a_file_once_however_often_it_is_named),
		cmocka_unit_test(finds_the_same_sites_in_a_sealed_bundle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
