/*
 * Targets, authorities, and whom a request is for.  What is refused in whole
 * requests is in tests/corpus/h1/requests.txt; here is what is taken apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/check.h"
#include "rproxy/http/target.h"

struct target_row {
	const char *raw;
	enum method method;
	enum reason why;
	enum target_form form;
	const char *scheme, *authority, *path, *query; /* NULL: none */
};

/* clang-format off */
static const struct target_row targets[] = {
	{ "/", METHOD_GET, REASON_OK, TARGET_ORIGIN, "", "", "/", NULL },
	{ "/a/b", METHOD_GET, REASON_OK, TARGET_ORIGIN, "", "", "/a/b", NULL },
	{ "/a?", METHOD_GET, REASON_OK, TARGET_ORIGIN, "", "", "/a", "" },
	{ "/a?b?c", METHOD_GET, REASON_OK, TARGET_ORIGIN, "", "", "/a",
	    "b?c" },
	{ "//h/x", METHOD_GET, REASON_OK, TARGET_ORIGIN, "", "", "//h/x",
	    NULL },
	{ "/http://h/", METHOD_GET, REASON_OK, TARGET_ORIGIN, "", "",
	    "/http://h/", NULL },
	{ "*", METHOD_OPTIONS, REASON_OK, TARGET_ASTERISK, "", "", "/", NULL },
	{ "http://h", METHOD_OPTIONS, REASON_OK, TARGET_ASTERISK, "http", "h",
	    "/", NULL },
	{ "http://h/", METHOD_OPTIONS, REASON_OK, TARGET_ABSOLUTE, "http",
	    "h", "/", NULL },
	{ "http://h?", METHOD_OPTIONS, REASON_OK, TARGET_ABSOLUTE, "http",
	    "h", "/", "" },
	{ "http://h", METHOD_GET, REASON_OK, TARGET_ABSOLUTE, "http", "h",
	    "/", NULL },
	{ "HTTPS://H:8443/a?b", METHOD_GET, REASON_OK, TARGET_ABSOLUTE,
	    "HTTPS", "H:8443", "/a", "b" },
	{ "https://[::1]:8443?b", METHOD_GET, REASON_OK, TARGET_ABSOLUTE,
	    "https", "[::1]:8443", "/", "b" },
	{ "", METHOD_GET, REASON_BAD_TARGET, 0, NULL, NULL, NULL, NULL },
	{ "*", METHOD_GET, REASON_BAD_TARGET, 0, NULL, NULL, NULL, NULL },
	{ "http", METHOD_GET, REASON_BAD_TARGET, 0, NULL, NULL, NULL, NULL },
	{ "http:", METHOD_GET, REASON_BAD_TARGET, 0, NULL, NULL, NULL, NULL },
	{ "http:///", METHOD_GET, REASON_BAD_TARGET, 0, NULL, NULL, NULL,
	    NULL },
	{ "ldap://h/", METHOD_GET, REASON_BAD_TARGET, 0, NULL, NULL, NULL,
	    NULL },
	{ "http://u@h/", METHOD_GET, REASON_BAD_TARGET, 0, NULL, NULL, NULL,
	    NULL },
	{ "/a b", METHOD_GET, REASON_BAD_TARGET, 0, NULL, NULL, NULL, NULL },
	{ "/a#b", METHOD_GET, REASON_BAD_TARGET, 0, NULL, NULL, NULL, NULL },
	{ "/\x80", METHOD_GET, REASON_BAD_TARGET, 0, NULL, NULL, NULL, NULL },
	{ "/\x7f", METHOD_GET, REASON_BAD_TARGET, 0, NULL, NULL, NULL, NULL },
	{ "h:443", METHOD_CONNECT, REASON_METHOD_REFUSED, 0, NULL, NULL, NULL,
	    NULL },
};
/* clang-format on */

static void
takes_targets_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		const struct target_row *w = &targets[i];
		struct target t;

		assert_int_equal(
		    target_parse(slice_of(w->raw), w->method, &t), w->why);
		if (w->why != REASON_OK)
			continue;
		assert_int_equal(t.form, w->form);
		assert_true(slice_eq(t.scheme, slice_of(w->scheme)));
		assert_true(slice_eq(t.authority, slice_of(w->authority)));
		assert_true(slice_eq(t.path, slice_of(w->path)));
		assert_int_equal(t.has_query, w->query != NULL);
		assert_true(slice_eq(t.query, slice_of(w->query)));
	}
}

struct authority_row {
	const char *text;
	const char *host; /* NULL: malformed */
	unsigned port;
	bool is_ipv6;
};

static const struct authority_row authorities[] = {
	{ "h", "h", 0, false },
	{ "h.example", "h.example", 0, false },
	{ "H.Example.", "H.Example.", 0, false },
	{ "h_1.example:1", "h_1.example", 1, false },
	{ "h:65535", "h", 65535, false },
	{ "h:", "h", 0, false },
	{ "h:00080", "h", 80, false },
	{ "192.0.2.1:80", "192.0.2.1", 80, false },
	{ "[::1]", "::1", 0, true },
	{ "[2001:db8::1]:8443", "2001:db8::1", 8443, true },
	{ "[::ffff:192.0.2.1]:", "::ffff:192.0.2.1", 0, true },
	{ "", NULL, 0, false },
	{ ":80", NULL, 0, false },
	{ "h:0", NULL, 0, false },
	{ "h:65536", NULL, 0, false },
	{ "h:000080", NULL, 0, false },
	{ "h:8x", NULL, 0, false },
	{ "h: 80", NULL, 0, false },
	{ "h:80:80", NULL, 0, false },
	{ "u@h", NULL, 0, false },
	{ "h/", NULL, 0, false },
	{ "h%2e", NULL, 0, false },
	{ "h\xe9", NULL, 0, false },
	{ ".h", NULL, 0, false },
	{ "h..h", NULL, 0, false },
	{ "::1", NULL, 0, false },
	{ "[::1", NULL, 0, false },
	{ "[]", NULL, 0, false },
	{ "[h]", NULL, 0, false },
	{ "[192.0.2.1]", NULL, 0, false },
	{ "[::1]80", NULL, 0, false },
	{ "[::1%25eth0]", NULL, 0, false },
	{ "[[::1]]", NULL, 0, false },
};

static void
takes_authorities_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(authorities); i++) {
		const struct authority_row *w = &authorities[i];
		struct authority a;

		assert_int_equal(
		    authority_parse(slice_of(w->text), &a), w->host != NULL);
		if (w->host == NULL)
			continue;
		assert_true(slice_eq(a.host, slice_of(w->host)));
		assert_int_equal(a.port, w->port);
		assert_int_equal(a.is_ipv6, w->is_ipv6);
	}
}

static void
refuses_a_name_longer_than_dns_has(void **state)
{
	char name[256];
	struct authority a;

	(void)state;
	memset(name, 'a', sizeof(name));
	assert_true(authority_parse((struct slice){ name, 255 }, &a));
	assert_false(authority_parse((struct slice){ name, 256 }, &a));
}

/* Host as given (NULL: none) for a target, in HTTP/1.minor. */
static enum reason
host_of(const char *host, const char *raw, unsigned minor, struct slice *text)
{
	struct request_head r = { .minor = minor };
	struct target t;
	struct authority a;
	enum reason why;

	assert_int_equal(
	    target_parse(slice_of(raw), METHOD_GET, &t), REASON_OK);
	if (host != NULL)
		assert_true(
		    fields_add(&r.fields, SLICE("Host"), slice_of(host)));
	why = target_host(&r, &t, text, &a);
	fields_fini(&r.fields);
	return why;
}

static void
asks_the_target_before_the_host_field(void **state)
{
	struct slice text;

	(void)state;
	assert_int_equal(host_of("h:80", "/", 1, &text), REASON_OK);
	assert_true(slice_eq(text, SLICE("h:80")));
	assert_int_equal(host_of("H:80", "http://h/", 1, &text), REASON_OK);
	assert_true(slice_eq(text, SLICE("h")));
	assert_int_equal(host_of(NULL, "http://h/", 0, &text), REASON_OK);
	assert_true(slice_eq(text, SLICE("h")));
	assert_int_equal(host_of(NULL, "/", 0, &text), REASON_OK);
	assert_int_equal(text.len, 0);
}

static void
refuses_two_opinions_about_the_host(void **state)
{
	struct slice text;

	(void)state;
	assert_int_equal(host_of("g", "http://h/", 1, &text), REASON_BAD_HOST);
	assert_int_equal(host_of("", "http://h/", 1, &text), REASON_BAD_HOST);
	assert_int_equal(
	    host_of("h:81", "http://h/", 1, &text), REASON_BAD_HOST);
	assert_int_equal(
	    host_of("h:80", "https://h/", 1, &text), REASON_BAD_HOST);
	assert_int_equal(host_of("h:443", "https://h/", 1, &text), REASON_OK);
	assert_int_equal(host_of(NULL, "http://h/", 1, &text), REASON_BAD_HOST);
	assert_int_equal(host_of(NULL, "/", 1, &text), REASON_BAD_HOST);
	assert_int_equal(host_of("", "/", 0, &text), REASON_BAD_HOST);
}

static void
hosts_are_compared_as_addresses_where_they_are_some(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} t[] = {
		{ "h", "H", true },
		{ "h", "g", false },
		{ "fd00::1", "FD00:0:0:0:0:0:0:1", true },
		{ "fd00::1", "fd00:0000::0001", true },
		{ "fd00::1", "fd00::2", false },
		{ "::ffff:10.1.0.11", "::ffff:a01:b", true },
		{ "10.1.0.11", "::ffff:10.1.0.11", false },
		{ "fd00::1", "fd00", false },
		{ "", "", true },
		{ "", "::", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (authority_is_same_host(
			slice_of(t[i].a), slice_of(t[i].b)) != t[i].same)
			fail_msg("%s %s", t[i].a, t[i].b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_targets_apart),
		cmocka_unit_test(takes_authorities_apart),
		cmocka_unit_test(refuses_a_name_longer_than_dns_has),
		cmocka_unit_test(asks_the_target_before_the_host_field),
		cmocka_unit_test(refuses_two_opinions_about_the_host),
		cmocka_unit_test(
		    hosts_are_compared_as_addresses_where_they_are_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
