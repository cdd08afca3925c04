#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/text.h"
#include "tlsd/worker/address_limit.h"

static bool
take(struct address_limit *l, const char *text)
{
	struct addr a = addr_of(text);

	return address_limit_take(l, &a);
}

static void
give(struct address_limit *l, const char *text)
{
	struct addr a = addr_of(text);

	address_limit_give(l, &a);
}

static void
counts_each_address_by_itself_whatever_the_port(void **state)
{
	struct address_limit *l = address_limit_new(2);

	(void)state;
	assert_true(take(l, "192.0.2.1:1"));
	assert_true(take(l, "192.0.2.1:2"));
	assert_false(take(l, "192.0.2.1:3"));
	assert_true(take(l, "192.0.2.2:3"));
	give(l, "192.0.2.1:1");
	assert_true(take(l, "192.0.2.1:4"));
	assert_false(take(l, "192.0.2.1:5"));
	address_limit_free(l);
}

static void
an_address_that_has_left_begins_anew(void **state)
{
	struct address_limit *l = address_limit_new(1);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_true(take(l, "192.0.2.1:1"));
		assert_false(take(l, "192.0.2.1:1"));
		give(l, "192.0.2.1:1");
	}
	address_limit_free(l);
}

static void
an_ipv6_client_is_its_network_of_64_bits(void **state)
{
	struct address_limit *l = address_limit_new(1);

	(void)state;
	assert_true(take(l, "[2001:db8:1:2::1]:1"));
	assert_false(take(l, "[2001:db8:1:2:ffff::9]:1"));
	assert_true(take(l, "[2001:db8:1:3::1]:1"));
	address_limit_free(l);
}

static void
ipv4_inside_ipv6_is_ipv4(void **state)
{
	struct address_limit *l = address_limit_new(1);

	(void)state;
	assert_true(take(l, "[::ffff:192.0.2.1]:1"));
	assert_false(take(l, "192.0.2.1:1"));
	assert_true(take(l, "[::ffff:192.0.2.2]:1"));
	address_limit_free(l);
}

static void
without_a_limit_nothing_is_refused(void **state)
{
	struct address_limit *l = address_limit_new(0);

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		assert_true(take(l, "192.0.2.1:1"));
	give(l, "192.0.2.1:1");
	address_limit_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    counts_each_address_by_itself_whatever_the_port),
		cmocka_unit_test(an_address_that_has_left_begins_anew),
		cmocka_unit_test(an_ipv6_client_is_its_network_of_64_bits),
		cmocka_unit_test(ipv4_inside_ipv6_is_ipv4),
		cmocka_unit_test(without_a_limit_nothing_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
