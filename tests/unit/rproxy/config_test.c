#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/config.h"
#include "tests/unit/ini_files.h"

#define SITE(name)                                                             \
	"[site]\nnames = " name "\n[route r]\nprefix = /\npool = p\n"          \
	"[pool p]\nserver = http://127.0.0.1:8080\n"
#define RPROXY "[rproxy]\nsites = *.site\n"
#define LISTEN "[listen x]\naddress = 127.0.0.1:8080\n"

struct run {
	struct ini_files t;
	struct rproxy_config *c;
};

static void
start(struct run *r, const char *text)
{
	ini_files_make(&r->t);
	(void)ini_files_write(&r->t, "a.site", SITE("a"));
	(void)ini_files_write(
	    &r->t, "b.site", SITE("b") "[http]\naccess_log = b.log\n");
	(void)ini_files_write(
	    &r->t, "c.site", SITE("c") "[http]\naccess_log = stderr\n");
	r->c = rproxy_config_read(ini_files_write(&r->t, "rproxy.ini", text),
	    r->t.bundle, r->t.faults);
}

static void
stop(struct run *r)
{
	rproxy_config_free(r->c);
	ini_files_remove(&r->t);
}

static void
has_the_documented_defaults(void **state)
{
	const struct rproxy_config *c = NULL;
	struct run r;

	(void)state;
	start(&r, RPROXY LISTEN);
	assert_null(conf_fault_text(r.t.faults, 0));
	c = r.c;
	assert_null(c->user);
	assert_null(c->admin);
	assert_null(c->access_log);
	assert_true(c->workers >= 1);
	assert_string_equal(c->log, "stderr");
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	assert_int_equal(c->access_log_format, ACCESS_LOG_COMBINED);
	assert_int_equal(c->drain_timeout_ms, 60000);
	assert_int_equal(c->header_timeout_ms, 30000);
	assert_int_equal(c->keepalive_timeout_ms, 75000);
	assert_int_equal(c->body_timeout_ms, 60000);
	assert_int_equal(c->send_timeout_ms, 60000);
	assert_int_equal(c->max_request_line, 16384);
	assert_int_equal(c->max_headers_bytes, 65536);
	assert_int_equal(c->max_headers, 200);
	assert_int_equal(c->max_connections, 20000);
	assert_int_equal(c->n_listen, 1);
	assert_false(c->listen[0].proxy_v2);
	assert_int_equal(c->sites.n, 3);
	stop(&r);
}

static void
an_https_server_needs_the_way_through_tlsd(void **state)
{
	static const char site[] =
	    "[site]\nnames = d\n[route r]\nprefix = /\npool = p\n[pool p]\n"
	    "server = http://127.0.0.1:1\nserver = https://[::1]\n";
	struct run r;

	(void)state;
	ini_files_make(&r.t);
	(void)ini_files_write(&r.t, "d.site", site);
	r.c = rproxy_config_read(
	    ini_files_write(&r.t, "rproxy.ini", RPROXY LISTEN), r.t.bundle,
	    r.t.faults);
	assert_int_equal(conf_n_errors(r.t.faults), 1);
	assert_non_null(strstr(conf_fault_text(r.t.faults, 0),
	    "d.site:8: pool.server: https://[::1]:443 is reached through tlsd, "
	    "name its socket by egress in [rproxy]"));
	stop(&r);

	ini_files_make(&r.t);
	(void)ini_files_write(&r.t, "d.site", site);
	r.c = rproxy_config_read(ini_files_write(&r.t, "rproxy.ini",
				     RPROXY "egress = /run/e.sock\n" LISTEN),
	    r.t.bundle, r.t.faults);
	assert_null(conf_fault_text(r.t.faults, 0));
	assert_string_equal(r.c->egress, "/run/e.sock");
	stop(&r);
}

static void
knows_who_may_connect_to_a_unix_socket(void **state)
{
	struct run r;
	char text[128];

	(void)state;
	start(&r,
	    RPROXY "[listen tls]\naddress = ./t.sock\nfrom = root\n" LISTEN);
	assert_null(conf_fault_text(r.t.faults, 0));
	assert_true(r.c->listen[0].proxy_v2);
	assert_true(addr_is_unix(&r.c->listen[0].address[0]));
	(void)addr_format(&r.c->listen[0].address[0], text);
	assert_string_equal(text, ini_files_path(&r.t, "./t.sock"));
	assert_string_equal(r.c->listen[0].from, "root");
	assert_int_equal(r.c->listen[0].from_uid, 0);
	assert_false(r.c->listen[1].proxy_v2);
	stop(&r);
}

static void
collects_each_access_log_once(void **state)
{
	const struct rproxy_config *c = NULL;
	struct run r;
	char text[64];

	(void)state;
	start(&r, RPROXY "access_log = b.log\n" LISTEN);
	assert_null(conf_fault_text(r.t.faults, 0));
	c = r.c;
	assert_int_equal(rproxy_config_n_access_logs(c), 2);
	ini_files_shorten(&r.t, rproxy_config_access_log(c, 0), text);
	assert_string_equal(text, "b.log");
	assert_string_equal(rproxy_config_access_log(c, 1), "stderr");
	assert_int_equal(rproxy_config_site_access_log(c, c->sites.v[0]), 0);
	assert_int_equal(rproxy_config_site_access_log(c, c->sites.v[1]), 0);
	assert_int_equal(rproxy_config_site_access_log(c, c->sites.v[2]), 1);
	stop(&r);
}

static void
a_site_without_log_has_none_when_the_daemon_has_none(void **state)
{
	struct run r;

	(void)state;
	start(&r, RPROXY LISTEN);
	assert_int_equal(rproxy_config_n_access_logs(r.c), 2);
	assert_int_equal(
	    rproxy_config_site_access_log(r.c, r.c->sites.v[0]), -1);
	assert_int_equal(
	    rproxy_config_site_access_log(r.c, r.c->sites.v[1]), 0);
	stop(&r);
}

static void
names_every_fault(void **state)
{
	static const struct {
		const char *text;
		const char *faults[8];
	} rows[] = {
		{ "", { "error: rproxy.ini: no [rproxy] section",
			  "error: rproxy.ini: no [listen NAME] section" } },
		{ RPROXY "backend = x\nheader_timout = 1s\nmax_headers = 9\n"
			 "max_headers_size = 100\naccess_log_format = x\n"
			 "access_log = none/a.log\n" LISTEN,
		    { "error: rproxy.ini:3: rproxy.backend: unknown key",
			"error: rproxy.ini:4: rproxy.header_timout: unknown "
			"key, did you mean \"header_timeout\"?",
			"error: rproxy.ini:5: rproxy.max_headers: \"9\" is not "
			"allowed, write a number from 10 to 10000",
			"error: rproxy.ini:6: rproxy.max_headers_size: 100 is "
			"out of range",
			"error: rproxy.ini:7: rproxy.access_log_format: \"x\" "
			"is not allowed, write one of: common, combined, json",
			"error: rproxy.ini:8: rproxy.access_log: the folder "
			"none/: No such file" } },
		{ RPROXY "[listen a]\naddress = ./t.sock\n",
		    { "error: rproxy.ini:3: listen.from: missing" } },
		{ RPROXY
		    "[listen a]\naddress = ./t.sock\nfrom = no-such-user\n",
		    { "error: rproxy.ini:5: listen.from: there is no user "
		      "\"no-such-user\"" } },
		{ RPROXY "[listen a]\naddress = 127.0.0.1:1\nfrom = root\n",
		    { "error: rproxy.ini:3: listen.from: a TCP address is "
		      "plain HTTP" } },
		{ RPROXY "[listen a]\naddress = 127.0.0.1:1\n"
			 "address = ./t.sock\nfrom = root\n",
		    { "error: rproxy.ini:3: listen.address: paths and TCP "
		      "addresses together" } },
		{ RPROXY "[listen a]\naddress = ./t.sock\nfrom = root\n"
			 "[listen b]\naddress = ./nowhere/t.sock\nfrom = root\n"
			 "proxy_protocol = on\n",
		    { "error: rproxy.ini:9: listen.proxy_protocol: unknown "
		      "key, allowed are: address, from",
			"error: rproxy.ini:6: listen.address: the folder "
			"./nowhere/: No such file" } },
		{ RPROXY "[listen a]\naddress = ./t.sock\nfrom = root\n"
			 "[listen b]\naddress = ./t.sock\nfrom = root\n",
		    { "error: rproxy.ini:7: listen.address: ./t.sock is given "
		      "twice, the first is in line 4" } },
		{ "[tlsd]\nsites = a.site\n" LISTEN,
		    { "error: rproxy.ini:1: [tlsd]: unknown section, "
		      "rproxy.ini may have: [rproxy], [listen NAME]",
			"error: rproxy.ini: no [rproxy] section" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct run r;

		start(&r, rows[i].text);
		ini_files_expect(&r.t, rows[i].text, rows[i].faults);
		stop(&r);
	}
}

static void
warns_of_a_site_that_routes_nothing(void **state)
{
	static const char *const want[] = {
		"warning: d.ini: no [route NAME] section: every path of d is "
		"answered with 404",
		NULL
	};
	struct run r;

	(void)state;
	ini_files_make(&r.t);
	(void)ini_files_write(&r.t, "d.ini", "[site]\nnames = d\n");
	r.c = rproxy_config_read(ini_files_write(&r.t, "rproxy.ini",
				     "[rproxy]\nsites = d.ini\n" LISTEN),
	    r.t.bundle, r.t.faults);
	ini_files_expect(&r.t, "no route", want);
	stop(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_the_documented_defaults),
		cmocka_unit_test(an_https_server_needs_the_way_through_tlsd),
		cmocka_unit_test(knows_who_may_connect_to_a_unix_socket),
		cmocka_unit_test(collects_each_access_log_once),
		cmocka_unit_test(
		    a_site_without_log_has_none_when_the_daemon_has_none),
		cmocka_unit_test(names_every_fault),
		cmocka_unit_test(warns_of_a_site_that_routes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
