/*
 * Rules, cookie domains and header patterns as a site file writes them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/site_rule_value.h"

struct rule_case {
	const char *text;
	bool may_redirect;
	const char *from; /* NULL: refused */
	const char *to;
	unsigned status;
	bool is_pattern;
};

static const struct rule_case rules[] = {
	{ "/a -> /b", true, "/a", "/b", 0, false },
	{ "/a   ->   /b?c=d", false, "/a", "/b?c=d", 0, false },
	{ "301 /a -> /b", true, "/a", "/b", 301, false },
	{ "308 ~^/a(.*)$ -> /b$1", true, "^/a(.*)$", "/b$1", 308, true },
	{ "~ ^/a -> /b", true, "^/a", "/b", 0, true },
	{ "~a b -> /b", true, "a b", "/b", 0, true },
	{ "/a -> https://www.example.org", true, "/a",
	    "https://www.example.org", 0, false },
	{ "/a -> http://h:8080/$0", true, "/a", "http://h:8080/$0", 0, false },
	{ "/a -> /$$", true, "/a", "/$$", 0, false },
	{ "/a", true, NULL, NULL, 0, false },
	{ "/a->/b", true, NULL, NULL, 0, false },
	{ "-> /b", true, NULL, NULL, 0, false },
	{ "/a -> ", true, NULL, NULL, 0, false },
	{ "a -> /b", true, NULL, NULL, 0, false },
	{ "~ -> /b", true, NULL, NULL, 0, false },
	{ "/a -> b", true, NULL, NULL, 0, false },
	{ "/a -> //b", true, NULL, NULL, 0, false },
	{ "/a -> /b#c", true, NULL, NULL, 0, false },
	{ "304 /a -> /b", true, NULL, NULL, 0, false },
	{ "200 /a -> /b", true, NULL, NULL, 0, false },
	{ "301 -> /b", true, NULL, NULL, 0, false },
	{ "301x /a -> /b", true, NULL, NULL, 0, false },
	{ "/a -> /b$", true, NULL, NULL, 0, false },
	{ "/a -> /b$x", true, NULL, NULL, 0, false },
	{ "/a -> ftp://h/", true, NULL, NULL, 0, false },
	/* what a client sends never names a host */
	{ "~(.*) -> https://$1", true, NULL, NULL, 0, false },
	{ "~(.*) -> https://www.example.org$1", true, NULL, NULL, 0, false },
	{ "~(.*) -> https://h:8$1/", true, NULL, NULL, 0, false },
	{ "/a -> https://h?$1", true, NULL, NULL, 0, false },
	{ "/a -> https://h@evil/", true, NULL, NULL, 0, false },
	/* a rewrite stays on the site and has no status */
	{ "301 /a -> /b", false, NULL, NULL, 0, false },
	{ "/a -> https://h/", false, NULL, NULL, 0, false },
};

static void
rules_are_read_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const struct rule_case *c = &rules[i];
		struct rule_conf rule = { 0 };
		const char *error = NULL;
		bool good = site_rule_value(
		    slice_of(c->text), c->may_redirect, &rule, &error);

		if (good != (c->from != NULL))
			fail_msg("%s: %s", c->text, good ? "taken" : error);
		if (!good) {
			assert_non_null(error);
			continue;
		}
		assert_string_equal(rule.from, c->from);
		assert_string_equal(rule.to, c->to);
		assert_int_equal(rule.status, c->status);
		assert_int_equal(rule.is_pattern, c->is_pattern);
		mem_free(rule.from);
		mem_free(rule.to);
	}
}

static void
cookie_domains_are_two_names(void **state)
{
	static const char *const bad[] = { ".a.b", ".a.b ->", "-> .a.b",
		"*.a -> b.c", "a.b -> b:80", "a b -> c.d", ". -> a.b" };
	struct cookie_domain_conf d = { 0 };
	const char *error = NULL;

	(void)state;
	assert_true(site_rule_cookie_domain(
	    SLICE(".intra.example.com -> .example.com"), &d, &error));
	assert_string_equal(d.from, ".intra.example.com");
	assert_string_equal(d.to, ".example.com");
	mem_free(d.from);
	mem_free(d.to);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (site_rule_cookie_domain(slice_of(bad[i]), &d, &error))
			fail_msg("%s", bad[i]);
}

static void
header_patterns_end_with_a_star_or_not(void **state)
{
	static const char *const good[] = { "SM_*", "iv-user", "X-*" };
	static const char *const bad[] = { "*", "", "S*M", "SM_**", "a b",
		"X-A: b" };
	const char *error = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(
		    site_rule_header_pattern(slice_of(good[i]), &error));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (site_rule_header_pattern(slice_of(bad[i]), &error))
			fail_msg("%s", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_read_as_the_table_says),
		cmocka_unit_test(cookie_domains_are_two_names),
		cmocka_unit_test(header_patterns_end_with_a_star_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
