/*
 * From a host name to its site.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/site_names.h"

static char *names_a[] = { "portal.example.com", "*.portal.example.com" };
static char *names_b[] = { "www.example.com", "*.example.com" };
static char *names_c[] = { "192.0.2.1", "2001:db8::1" };
static struct site_conf a = { .names = { .v = names_a, .n = 2 } };
static struct site_conf b = { .names = { .v = names_b, .n = 2 } };
static struct site_conf c = { .names = { .v = names_c, .n = 2 },
	.is_default = true };

static void
names_find_their_site(void **state)
{
	static const struct {
		const char *name;
		const struct site_conf *site;
	} t[] = { { "portal.example.com", &a }, { "PORTAL.Example.Com", &a },
		{ "portal.example.com.", &a }, { "x.portal.example.com", &a },
		{ "y.x.portal.example.com", &a }, { "www.example.com", &b },
		{ "other.example.com", &b }, { "example.com", &c },
		{ ".portal.example.com", &c }, { "*.portal.example.com", &a },
		{ "xportal.example.com", &b }, { "192.0.2.1", &c },
		{ "2001:DB8::1", &c }, { "example.org", &c }, { "", &c },
		{ ".", &c } };
	struct site_conf *v[] = { &a, &b, &c };
	struct site_list list = { .v = v, .n = 3 };
	struct site_names *s = site_names_new(&list);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		if (site_names_find(s, slice_of(t[i].name)) != t[i].site)
			fail_msg("%s", t[i].name);
	}
	site_names_free(s);
}

static void
without_a_default_unknown_names_find_nothing(void **state)
{
	struct site_conf *v[] = { &a };
	struct site_list list = { .v = v, .n = 1 };
	struct site_names *s = site_names_new(&list);
	char huge[300];

	(void)state;
	memset(huge, 'a', sizeof(huge));
	assert_null(site_names_find(s, SLICE("example.org")));
	assert_null(site_names_find(s, SLICE("")));
	assert_null(site_names_find(s, (struct slice){ huge, sizeof(huge) }));
	site_names_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_find_their_site),
		cmocka_unit_test(without_a_default_unknown_names_find_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
