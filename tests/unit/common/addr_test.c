#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/addr.h"
#include "common/check.h"
#include "tests/unit/text.h"

static struct addr
parsed_ip(const char *text)
{
	struct addr a;

	if (!addr_parse_ip(slice_of(text), 0, &a))
		fail_msg("not an IP address: %s", text);
	return a;
}

static void
reads_what_it_writes(void **state)
{
	static const struct {
		const char *in;
		const char *with_port;
		const char *without;
		uint16_t port;
	} rows[] = {
		{ "192.0.2.1:443", "192.0.2.1:443", "192.0.2.1", 443 },
		{ "0.0.0.0:0", "0.0.0.0:0", "0.0.0.0", 0 },
		{ "[2001:db8::1]:65535", "[2001:db8::1]:65535", "2001:db8::1",
		    65535 },
		{ "[2001:DB8:0:0::1]:1", "[2001:db8::1]:1", "2001:db8::1", 1 },
		{ "[::]:80", "[::]:80", "::", 80 },
		{ "[::ffff:192.0.2.7]:80", "192.0.2.7:80", "192.0.2.7", 80 },
		{ "/run/x.sock", "/run/x.sock", "/run/x.sock", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = addr_of(rows[i].in);
		char out[ADDR_TEXT_MAX];

		assert_string_equal(addr_format(&a, out), rows[i].with_port);
		assert_string_equal(addr_format_ip(&a, out), rows[i].without);
		assert_int_equal(addr_port(&a), rows[i].port);
		assert_int_equal(addr_is_unix(&a), rows[i].in[0] == '/');
	}
}

static void
refuses_all_that_is_not_an_address(void **state)
{
	static const char *const rows[] = {
		"",
		":",
		":443",
		"192.0.2.1",
		"192.0.2.1:",
		"192.0.2.1:65536",
		"192.0.2.1:-1",
		"192.0.2.1:http",
		"192.0.2:80",
		"192.0.2.256:80",
		"192.0.2.01.1:80",
		"1.2.3.4.5:80",
		"localhost:80",
		"*:80",
		"2001:db8::1:80",
		"[2001:db8::1]",
		"[2001:db8::1]80",
		"[2001:db8::1:80",
		"2001:db8::1]:80",
		"[192.0.2.1]:80",
		"[]:80",
		"[fe80::1%eth0]:80",
		"run/x.sock",
		" 192.0.2.1:80",
		"192.0.2.1:80 ",
	};
	struct addr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (addr_parse(slice_of(rows[i]), &a))
			fail_msg("taken: \"%s\"", rows[i]);
	assert_false(addr_parse(SLICE("1.2.3.4\0:80"), &a));
	assert_false(addr_parse(SLICE("/run/x\0y"), &a));
	assert_false(addr_parse(SLICE_NONE, &a));
}

static void
takes_bare_and_bracketed_ip_addresses(void **state)
{
	struct addr a;
	char out[ADDR_TEXT_MAX];

	(void)state;
	assert_true(addr_parse_ip(SLICE("2001:db8::1"), 8, &a));
	assert_string_equal(addr_format(&a, out), "[2001:db8::1]:8");
	assert_true(addr_parse_ip(SLICE("[2001:db8::1]"), 9, &a));
	assert_string_equal(addr_format(&a, out), "[2001:db8::1]:9");
	assert_true(addr_parse_ip(SLICE("192.0.2.1"), 10, &a));
	assert_string_equal(addr_format(&a, out), "192.0.2.1:10");
	assert_false(addr_parse_ip(SLICE("[192.0.2.1]"), 0, &a));
	assert_false(addr_parse_ip(SLICE("example.com"), 0, &a));
	assert_false(addr_parse_ip(SLICE(""), 0, &a));
	assert_false(addr_parse_ip(SLICE("192.0.2.1:80"), 0, &a));
}

static void
takes_unix_paths_of_107_bytes_and_not_108(void **state)
{
	char path[109];
	char out[ADDR_TEXT_MAX];
	struct addr a;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[107] = '\0';
	a = addr_of(path);
	assert_string_equal(addr_format(&a, out), path);
	path[107] = 'x';
	assert_false(addr_parse((struct slice){ path, 108 }, &a));
}

static void
writes_addresses_without_a_name(void **state)
{
	struct addr none = { 0 };
	struct addr peer = { .len = sizeof(sa_family_t) };
	struct addr full = { .len = sizeof(full.u.un) };
	char out[ADDR_TEXT_MAX];

	(void)state;
	assert_string_equal(addr_format(&none, out), "unknown");
	peer.u.un.sun_family = AF_UNIX;
	assert_string_equal(addr_format(&peer, out), "unix:");
	/* as the kernel may return it: no terminator */
	full.u.un.sun_family = AF_UNIX;
	memset(full.u.un.sun_path, 'y', sizeof(full.u.un.sun_path));
	assert_int_equal(strlen(addr_format(&full, out)), 108);
}

static void
knows_loopback_in_every_form(void **state)
{
	static const struct {
		const char *in;
		bool want;
	} rows[] = {
		{ "127.0.0.1:1", true },
		{ "127.255.0.9:1", true },
		{ "[::1]:1", true },
		{ "[::ffff:127.0.0.1]:1", true },
		{ "128.0.0.1:1", false },
		{ "[::2]:1", false },
		{ "[::]:1", false },
		{ "0.0.0.0:1", false },
		{ "/run/x", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = addr_of(rows[i].in);

		assert_int_equal(addr_is_loopback(&a), rows[i].want);
	}
}

static void
equal_means_family_address_and_port(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		bool want;
	} rows[] = {
		{ "192.0.2.1:1", "192.0.2.1:1", true },
		{ "192.0.2.1:1", "192.0.2.1:2", false },
		{ "192.0.2.1:1", "192.0.2.2:1", false },
		{ "192.0.2.1:1", "[::ffff:192.0.2.1]:1", true },
		{ "[2001:db8::1]:1", "[2001:db8::1]:1", true },
		{ "[2001:db8::1]:1", "[2001:db8::2]:1", false },
		{ "/run/a", "/run/a", true },
		{ "/run/a", "/run/b", false },
		{ "/run/a", "192.0.2.1:1", false },
	};
	struct addr none = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = addr_of(rows[i].a);
		struct addr b = addr_of(rows[i].b);

		assert_int_equal(addr_eq(&a, &b), rows[i].want);
		assert_int_equal(addr_eq(&b, &a), rows[i].want);
		assert_false(addr_eq(&a, &none));
	}
}

static void
networks_match_by_their_prefix(void **state)
{
	static const struct {
		const char *net;
		const char *ip;
		bool want;
	} rows[] = {
		{ "10.0.0.0/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "11.0.0.1", false },
		{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
		{ "10.0.0.0/8", "2001:db8::a00:1", false },
		{ "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.4/30", "192.0.2.7", true },
		{ "192.0.2.4/30", "192.0.2.8", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "0.0.0.0/0", "8.8.8.8", true },
		{ "0.0.0.0/0", "::ffff:8.8.8.8", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::1", false },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "::1", "::1", true },
		{ "::1/128", "::", false },
		{ "::ffff:10.0.0.0/104", "10.9.9.9", true },
		{ "::ffff:10.0.0.0/104", "11.9.9.9", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = parsed_ip(rows[i].ip);
		struct cidr c;

		assert_true(cidr_parse(slice_of(rows[i].net), &c));
		if (cidr_matches(&c, &a) != rows[i].want)
			fail_msg("%s in %s", rows[i].ip, rows[i].net);
	}
}

static void
refuses_all_that_is_not_a_network(void **state)
{
	static const char *const rows[] = {
		"",
		"/8",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/8/8",
		"10.1.0.0/8",
		"10.0.0.1/31",
		"10.0.0/8",
		"2001:db8::/129",
		"2001:db8::1/32",
		"::ffff:10.0.0.0/95",
		"intranet/8",
	};
	struct addr unix_peer = addr_of("/run/x");
	struct cidr c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (cidr_parse(slice_of(rows[i]), &c))
			fail_msg("taken: \"%s\"", rows[i]);
	assert_true(cidr_parse(SLICE("0.0.0.0/0"), &c));
	assert_false(cidr_matches(&c, &unix_peer));
}

static void
an_address_is_kept_without_a_path(void **state)
{
	static const char *const texts[][2] = {
		{ "192.0.2.1:443", "192.0.2.1:443" },
		{ "[2001:db8::1]:443", "[2001:db8::1]:443" },
		{ "/run/x.sock", "unix:" },
	};
	struct addr none = { .len = 0 };
	struct addr_ip kept = addr_to_ip(&none);
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(addr_from_ip(&kept).len, 0);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct addr a, back;

		assert_true(addr_parse(slice_of(texts[i][0]), &a));
		kept = addr_to_ip(&a);
		back = addr_from_ip(&kept);
		assert_string_equal(addr_format(&back, text), texts[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_kept_without_a_path),
		cmocka_unit_test(reads_what_it_writes),
		cmocka_unit_test(refuses_all_that_is_not_an_address),
		cmocka_unit_test(takes_bare_and_bracketed_ip_addresses),
		cmocka_unit_test(takes_unix_paths_of_107_bytes_and_not_108),
		cmocka_unit_test(writes_addresses_without_a_name),
		cmocka_unit_test(knows_loopback_in_every_form),
		cmocka_unit_test(equal_means_family_address_and_port),
		cmocka_unit_test(networks_match_by_their_prefix),
		cmocka_unit_test(refuses_all_that_is_not_a_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
