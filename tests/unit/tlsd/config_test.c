#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/check.h"
#include "tests/unit/ini_files.h"
#include "tlsd/config.h"

#define SITE_A                                                                 \
	"[site]\nnames = a\n[tls]\ncertificate = c1.pem\nkey = a1.key\n"       \
	"certificate = c2.pem\nkey = a2.key\n"
#define SITE_B "[site]\nnames = b\n"
#define SITE_C "[site]\nnames = c\n[tls]\ncertificate = c1.pem\nkey = c.key\n"
#define LISTEN "[listen x]\naddress = 127.0.0.1:8443\n"
#define TLSD "[tlsd]\nsites = *.site\nbackend = s.sock\n"

struct run {
	struct ini_files t;
	struct tlsd_config *c;
};

static void
start_with(
    struct run *r, const char *text, const char *site_b, const char *site_c)
{
	char path[128];

	ini_files_make(&r->t);
	(void)ini_files_write(&r->t, "a.site", SITE_A);
	(void)ini_files_write(&r->t, "b.site", site_b);
	(void)ini_files_write(&r->t, "c.site", site_c);
	(void)ini_files_write(&r->t, "c1.pem", "one");
	(void)ini_files_write(&r->t, "c2.pem", "two");
	(void)snprintf(
	    path, sizeof(path), "%s", ini_files_write(&r->t, "tlsd.ini", text));
	r->c = tlsd_config_read(path, r->t.bundle, r->t.faults);
}

static void
start(struct run *r, const char *text)
{
	start_with(r, text, SITE_B, SITE_C);
}

static void
stop(struct run *r)
{
	tlsd_config_free(r->c);
	ini_files_remove(&r->t);
}

static void
has_the_documented_defaults(void **state)
{
	const struct tlsd_config *c = NULL;
	struct run r;
	char text[64];

	(void)state;
	start(&r, TLSD LISTEN);
	assert_null(conf_fault_text(r.t.faults, 0));
	c = r.c;
	assert_null(c->user);
	assert_null(c->admin);
	assert_true(c->workers >= 1);
	assert_string_equal(c->log, "stderr");
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	assert_int_equal(c->handshake_timeout_ms, 10000);
	assert_int_equal(c->idle_timeout_ms, 7200000);
	assert_int_equal(c->drain_timeout_ms, 60000);
	assert_int_equal(c->backend_wait_ms, 5000);
	assert_int_equal(c->max_connections, 20000);
	ini_files_shorten(&r.t, c->backend, text);
	assert_string_equal(text, "s.sock");
	assert_int_equal(c->n_listen, 1);
	assert_string_equal(c->listen[0].name, "x");
	assert_int_equal(addr_port(&c->listen[0].address[0]), 8443);
	assert_int_equal(c->sites.n, 3);
	stop(&r);
}

static void
takes_what_is_written(void **state)
{
	const struct tlsd_config *c = NULL;
	struct run r;

	(void)state;
	start(&r,
	    TLSD "user = nobody\nworkers = 3\nadmin = [::1]:9000\n"
		 "log = syslog\nlog_level = debug\nhandshake_timeout = 1s\n"
		 "idle_timeout = 2s\ndrain_timeout = 3s\nbackend_wait = 4s\n"
		 "max_connections = 5\n[listen a]\naddress = 0.0.0.0:443\n"
		 "address = [::]:443\n[listen b]\naddress = 0.0.0.0:444\n");
	assert_null(conf_fault_text(r.t.faults, 0));
	c = r.c;
	assert_string_equal(c->user, "nobody");
	assert_int_equal(c->workers, 3);
	assert_string_equal(c->admin, "[::1]:9000");
	assert_string_equal(c->log, "syslog");
	assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(c->handshake_timeout_ms, 1000);
	assert_int_equal(c->idle_timeout_ms, 2000);
	assert_int_equal(c->drain_timeout_ms, 3000);
	assert_int_equal(c->backend_wait_ms, 4000);
	assert_int_equal(c->max_connections, 5);
	assert_int_equal(c->n_listen, 2);
	assert_int_equal(c->listen[0].n_address, 2);
	assert_int_equal(c->listen[1].n_address, 1);
	stop(&r);
}

static void
numbers_the_keys_in_the_order_of_the_sites(void **state)
{
	static const char *const want[] = { "a1.key", "a2.key", "c.key" };
	struct run r;
	char text[64];

	(void)state;
	start(&r, TLSD LISTEN);
	assert_int_equal(tlsd_config_n_keys(r.c), 3);
	assert_int_equal(tlsd_config_key_no(r.c, 0, 0), 0);
	assert_int_equal(tlsd_config_key_no(r.c, 0, 1), 1);
	assert_int_equal(tlsd_config_key_no(r.c, 2, 0), 2);
	for (unsigned i = 0; i < 3; i++) {
		ini_files_shorten(&r.t, tlsd_config_key_path(r.c, i), text);
		assert_string_equal(text, want[i]);
	}
	stop(&r);
}

#define POOLS(one, two)                                                        \
	"[route r]\nprefix = /\npool_http = p\npool_https = q\n"               \
	"[pool p]\nserver = https://h:1\ntls_ca = c1.pem\n" one                \
	"[pool q]\nserver = https://i:1\ntls_ca = c1.pem\n" two
#define CLIENT(name) "tls_certificate = c2.pem\ntls_key = " name "\n"
#define EGRESS "egress = ./e.sock\negress_from = root\n"

static void
numbers_the_keys_of_pools_behind_those_of_all_sites(void **state)
{
	static const char *const want[] = { "a1.key", "a2.key", "c.key",
		"b1.key", "b2.key", "c1.key" };
	struct run r;
	char text[64];

	(void)state;
	start_with(&r, TLSD EGRESS LISTEN,
	    SITE_B POOLS(CLIENT("b1.key"), CLIENT("b2.key")),
	    SITE_C POOLS("", CLIENT("c1.key")));
	assert_null(conf_fault_text(r.t.faults, 0));
	assert_int_equal(tlsd_config_n_keys(r.c), 6);
	assert_int_equal(tlsd_config_key_no(r.c, 2, 0), 2);
	assert_int_equal(tlsd_config_client_key_no(r.c, 1, 0, 0), 3);
	assert_int_equal(tlsd_config_client_key_no(r.c, 1, 1, 0), 4);
	assert_int_equal(tlsd_config_client_key_no(r.c, 2, 1, 0), 5);
	for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
		ini_files_shorten(&r.t, tlsd_config_key_path(r.c, i), text);
		assert_string_equal(text, want[i]);
	}
	stop(&r);
}

static void
an_https_server_needs_an_egress_and_its_user(void **state)
{
	static const char site[] = SITE_C POOLS("", "");
	struct run r;
	char text[256];

	(void)state;
	start_with(&r, TLSD LISTEN, SITE_B, site);
	ini_files_shorten(&r.t, conf_fault_text(r.t.faults, 0), text);
	assert_memory_equal(text,
	    "error: c.site:11: pool.server: https:// needs egress in [tlsd]",
	    62);
	stop(&r);
	start_with(&r,
	    TLSD "egress = ./e.sock\negress_from = nosuchuser\n" LISTEN, SITE_B,
	    site);
	ini_files_shorten(&r.t, conf_fault_text(r.t.faults, 0), text);
	assert_memory_equal(
	    text, "error: tlsd.ini:5: tlsd.egress_from: there is no user", 53);
	stop(&r);
}

/* A child has no disk: what it needs must be in the bundle, keys must not. */
static void
puts_certificates_in_the_bundle_and_no_key(void **state)
{
	struct run r;
	struct slice text;
	struct bundle *sealed = NULL;
	struct tlsd_config *again = NULL;

	(void)state;
	start(&r, TLSD LISTEN);
	assert_int_equal(bundle_count(r.t.bundle), 6);
	assert_true(
	    bundle_find(r.t.bundle, ini_files_path(&r.t, "c2.pem"), &text));
	assert_true(slice_eq(text, SLICE("two")));
	assert_false(
	    bundle_find(r.t.bundle, ini_files_path(&r.t, "a1.key"), &text));
	sealed = bundle_open(bundle_seal(r.t.bundle));
	assert_non_null(sealed);
	for (size_t i = 0; i < r.t.n; i++)
		assert_int_equal(unlink(ini_files_path(&r.t, r.t.names[i])), 0);
	again = tlsd_config_read(r.c->file, sealed, r.t.faults);
	assert_null(conf_fault_text(r.t.faults, 0));
	assert_int_equal(tlsd_config_n_keys(again), 3);
	assert_string_equal(
	    tlsd_config_key_path(again, 2), tlsd_config_key_path(r.c, 2));
	tlsd_config_free(again);
	bundle_free(sealed);
	stop(&r);
}

static void
names_every_fault(void **state)
{
	static const struct {
		const char *text;
		const char *faults[8];
	} rows[] = {
		{ "", { "error: tlsd.ini: no [tlsd] section",
			  "error: tlsd.ini: no [listen NAME] section" } },
		{ "[tlsd]\n" LISTEN,
		    { "error: tlsd.ini:1: tlsd.sites: missing",
			"error: tlsd.ini:1: tlsd.backend: missing" } },
		{ TLSD "workers = 0\nworkers = 65\nlog_level = all\n"
		       "max_connections = 0\nadmin = 192.0.2.1:80\n" LISTEN,
		    { "error: tlsd.ini:4: tlsd.workers: \"0\" is not allowed, "
		      "write auto or a number from 1 to 64",
			"error: tlsd.ini:5: tlsd.workers: given twice",
			"error: tlsd.ini:6: tlsd.log_level: \"all\"",
			"error: tlsd.ini:7: tlsd.max_connections: \"0\"",
			"error: tlsd.ini:8: tlsd.admin: 192.0.2.1:80 can be "
			"reached from outside" } },
		{ TLSD "egress = /x\nticket_keys = x\n"
		       "session_lifetime = 169h\n[listen x]\n"
		       "address = 127.0.0.1:443\nproxy_protocol = on\n",
		    { "error: tlsd.ini:4: tlsd.egress_from: there is no user "
		      "\"rproxy\", name the user that rproxy runs as",
			"error: tlsd.ini:7: listen.proxy_from: missing",
			"error: tlsd.ini:6: tlsd.session_lifetime: at most 7 "
			"days",
			"error: tlsd.ini:5: tlsd.ticket_keys: x: No such "
			"file" } },
		{ TLSD "[listen x]\naddress = 127.0.0.1:443\n"
		       "proxy_protocol = on\nproxy_from = 10.1.0.0/8\n"
		       "proxy_from = 10.1.0.0/16\n",
		    { "error: tlsd.ini:7: listen.proxy_from: \"10.1.0.0/8\" "
		      "is no network" } },
		{ TLSD LISTEN "proxy_from = ::1\n",
		    { "warning: tlsd.ini:4: listen.proxy_from: without "
		      "effect" } },
		{ TLSD "[listen x]\naddress = run/x.sock\naddress = host:1\n"
		       "address = 127.0.0.1\naddress = 127.0.0.1:0\n",
		    { "error: tlsd.ini:5: listen.address: \"run/x.sock\" is a "
		      "path",
			"error: tlsd.ini:6: listen.address: \"host:1\" is not "
			"an address",
			"error: tlsd.ini:7: listen.address: \"127.0.0.1\"",
			"error: tlsd.ini:8: listen.address: "
			"\"127.0.0.1:0\"" } },
		{ TLSD "[listen x]\naddress = 127.0.0.1:443\n[listen y]\n"
		       "address = [::1]:443\naddress = 127.0.0.1:443\n",
		    { "error: tlsd.ini:8: listen.address: 127.0.0.1:443 is "
		      "given twice, the first is in line 5" } },
		{ "[tlsd]\nsites = b.site\nbackend = s\n" LISTEN,
		    { "error: tlsd.ini:2: tlsd.sites: none of the sites has a "
		      "[tls] section" } },
		{ TLSD "log = none/here/x.log\n" LISTEN,
		    { "error: tlsd.ini:4: tlsd.log: the folder none/here/: No "
		      "such file" } },
		{ "[tlsd]\nsites = *.site\nbackend = none/here/s\n" LISTEN,
		    { "error: tlsd.ini:3: tlsd.backend: the folder "
		      "none/here/: No such file" } },
		{ TLSD LISTEN "[site]\nnames = x\n",
		    { "error: tlsd.ini:6: [site]: unknown section, tlsd.ini "
		      "may have: [tlsd], [listen NAME]" } },
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
refuses_a_socket_path_that_is_too_long(void **state)
{
	static const char *const want[] = {
		"error: tlsd.ini:3: tlsd.backend: /0123456789", NULL
	};
	struct run r;

	(void)state;
	start(&r, "[tlsd]\nsites = *.site\n"
		  "backend = /0123456789012345678901234567890123456789"
		  "01234567890123456789012345678901234567890123456789"
		  "012345678901234567890123456789\n" LISTEN);
	ini_files_expect(&r.t, "long path", want);
	stop(&r);
}

static void
names_certificates_that_are_missing_and_keys_among_them(void **state)
{
	static const char *const want[] = {
		"error: x.ini:4: tls.certificate: none.pem: No such file",
		"error: x.ini:5: tls.certificate: key.pem: ",
		"error: x.ini:9: tls.client_ca: ca.pem: No such file", NULL
	};
	struct run r;

	(void)state;
	ini_files_make(&r.t);
	(void)ini_files_write(&r.t, "x.ini",
	    "[site]\nnames = x\n[tls]\ncertificate = none.pem\n"
	    "certificate = key.pem\nkey = a\nkey = b\n"
	    "client_verify = optional\nclient_ca = ca.pem\n");
	(void)ini_files_write(&r.t, "key.pem",
	    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
	r.c =
	    tlsd_config_read(ini_files_write(&r.t, "tlsd.ini",
				 "[tlsd]\nsites = x.ini\nbackend = s\n" LISTEN),
		r.t.bundle, r.t.faults);
	ini_files_expect(&r.t, "files", want);
	stop(&r);
}

/* The mode and the bytes of a file of ticket keys, and the fault. */
static void
assert_ticket_keys(mode_t mode, size_t len_bytes, const char *fault)
{
	const char *want[] = { fault, NULL };
	char keys[4 * 80] = "a first key", path[128];
	struct run r;

	keys[80] = 'b';
	ini_files_make(&r.t);
	(void)ini_files_write(&r.t, "a.site", SITE_A);
	(void)ini_files_write(&r.t, "c1.pem", "one");
	(void)ini_files_write(&r.t, "c2.pem", "two");
	assert_int_equal(
	    chmod(ini_files_write_bytes(&r.t, "t.key", keys, len_bytes), mode),
	    0);
	(void)snprintf(path, sizeof(path), "%s",
	    ini_files_write(
		&r.t, "tlsd.ini", TLSD "ticket_keys = t.key\n" LISTEN));
	r.c = tlsd_config_read(path, r.t.bundle, r.t.faults);
	ini_files_expect(&r.t, "ticket_keys", want);
	if (fault == NULL)
		assert_true(slice_eq(tlsd_config_ticket_keys(r.c),
		    (struct slice){ keys, len_bytes }));
	stop(&r);
}

static void
takes_ticket_keys_that_are_whole_and_nobody_elses(void **state)
{
	(void)state;
	assert_ticket_keys(0600, 80, NULL);
	assert_ticket_keys(0400, 160, NULL);
	assert_ticket_keys(0640, 80,
	    "error: tlsd.ini:4: tlsd.ticket_keys: t.key: can be read by "
	    "others");
	assert_ticket_keys(0600, 79,
	    "error: tlsd.ini:4: tlsd.ticket_keys: t.key: must hold 1 to 64");
	assert_ticket_keys(
	    0600, 0, "error: tlsd.ini:4: tlsd.ticket_keys: t.key: ");
	assert_ticket_keys(0600, 320,
	    "error: tlsd.ini:4: tlsd.ticket_keys: t.key: holds two keys");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_the_documented_defaults),
		cmocka_unit_test(takes_what_is_written),
		cmocka_unit_test(numbers_the_keys_in_the_order_of_the_sites),
		cmocka_unit_test(
		    numbers_the_keys_of_pools_behind_those_of_all_sites),
		cmocka_unit_test(an_https_server_needs_an_egress_and_its_user),
		cmocka_unit_test(puts_certificates_in_the_bundle_and_no_key),
		cmocka_unit_test(names_every_fault),
		cmocka_unit_test(
		    takes_ticket_keys_that_are_whole_and_nobody_elses),
		cmocka_unit_test(refuses_a_socket_path_that_is_too_long),
		cmocka_unit_test(
		    names_certificates_that_are_missing_and_keys_among_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
