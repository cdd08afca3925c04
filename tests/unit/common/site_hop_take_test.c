/*
 * upgrade and error_page lines of a site file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/schema.h"
#include "common/site_conf.h"
#include "tests/unit/ini_files.h"

#define REST                                                                   \
	"[pool p]\nserver = http://127.0.0.1:1\n"                              \
	"[site]\nnames = a\n"

/* The first fault of a site with these lines; NULL: there is none. */
static const char *
read_site(struct ini_files *t, struct site_list *out, const char *http,
    const char *route)
{
	const struct conf_place at = { "main.ini", 1 };
	struct string_list patterns = { 0 };
	char text[2048];

	ini_files_make(t);
	(void)snprintf(text, sizeof(text),
	    REST "[http]\n%s\n[route r]\nprefix = /\npool = p\n%s\n", http,
	    route);
	(void)ini_files_write(t, "a.ini", text);
	string_list_add(
	    &patterns, mem_need_strdup(ini_files_path(t, "a.ini")), at);
	site_list_read(out, t->bundle, &patterns, t->faults);
	string_list_release(&patterns);
	return conf_fault_text(t->faults, 0);
}

static void
done(struct ini_files *t, struct site_list *l)
{
	site_list_free(l);
	ini_files_remove(t);
}

static void
assert_fault(const char *http, const char *route, const char *part)
{
	struct ini_files t;
	struct site_list l;
	const char *fault = read_site(&t, &l, http, route);

	assert_non_null(fault);
	if (strstr(fault, part) == NULL)
		fail_msg("%s", fault);
	done(&t, &l);
}

static void
protocols_are_kept_in_lower_case(void **state)
{
	struct ini_files t;
	struct site_list l;

	(void)state;
	assert_null(
	    read_site(&t, &l, "", "upgrade = WebSocket\nupgrade = x-chat"));
	assert_int_equal(l.v[0]->route[0].upgrade.n, 2);
	assert_string_equal(l.v[0]->route[0].upgrade.v[0], "websocket");
	done(&t, &l);
}

static void
another_http_is_never_allowed(void **state)
{
	(void)state;
	assert_fault("", "upgrade = h2c", "neither HTTP nor TLS");
	assert_fault("", "upgrade = H2C", "neither HTTP nor TLS");
	assert_fault("", "upgrade = HTTP/2.0", "neither HTTP nor TLS");
	assert_fault("", "upgrade = TLS/1.0", "neither HTTP nor TLS");
	assert_fault("", "upgrade = a b", "neither HTTP nor TLS");
}

static void
error_pages_are_found_beside_the_file(void **state)
{
	struct ini_files t;
	struct site_list l;

	(void)state;
	assert_null(read_site(&t, &l,
	    "error_page = 503 pages/down.html\nerror_page = 404   /x.html",
	    ""));
	assert_int_equal(l.v[0]->http.error_page.n, 2);
	assert_int_equal(l.v[0]->http.error_page.v[0].status, 503);
	assert_string_equal(l.v[0]->http.error_page.v[0].path,
	    ini_files_path(&t, "pages/down.html"));
	assert_string_equal(l.v[0]->http.error_page.v[1].path, "/x.html");
	done(&t, &l);
}

static void
malformed_error_pages_are_refused(void **state)
{
	(void)state;
	assert_fault("error_page = /x.html", "", "from 400 to 599");
	assert_fault("error_page = 503", "", "from 400 to 599");
	assert_fault("error_page = 200 /x.html", "", "from 400 to 599");
	assert_fault("error_page = 5xx /x.html", "", "from 400 to 599");
	assert_fault("error_page = 503 /x.html\nerror_page = 503 /y.html", "",
	    "given twice");
}

static void
times_come_from_the_nearest_word(void **state)
{
	struct ini_files t;
	struct site_list l;
	const struct route_conf *r;

	(void)state;
	assert_null(read_site(&t, &l, "timeout = 9s\nread_timeout = 8s", ""));
	r = &l.v[0]->route[0];
	assert_int_equal(r->timeout_ms, 9000);
	assert_int_equal(r->first_byte_timeout_ms, 9000);
	assert_int_equal(r->read_timeout_ms, 8000);
	assert_int_equal(r->tunnel_timeout_ms, 3600000);
	done(&t, &l);
	assert_null(read_site(&t, &l, "timeout = 9s\nread_timeout = 8s",
	    "timeout = 7s\nfirst_byte_timeout = 6s\ntunnel_timeout = 5s"));
	r = &l.v[0]->route[0];
	assert_int_equal(r->timeout_ms, 7000);
	assert_int_equal(r->first_byte_timeout_ms, 6000);
	assert_int_equal(r->read_timeout_ms, 7000);
	assert_int_equal(r->tunnel_timeout_ms, 5000);
	done(&t, &l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(protocols_are_kept_in_lower_case),
		cmocka_unit_test(another_http_is_never_allowed),
		cmocka_unit_test(error_pages_are_found_beside_the_file),
		cmocka_unit_test(malformed_error_pages_are_refused),
		cmocka_unit_test(times_come_from_the_nearest_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
