#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "tlsd/worker/sni.h"

/* list length, type, name length, name: RFC 6066 section 3 */
#define GOOD "\x00\x0e\x00\x00\x0bportal.test"

static void
finds_the_host_name(void **state)
{
	struct slice name;

	(void)state;
	assert_true(sni_parse(SLICE(GOOD), &name));
	assert_true(slice_eq(name, SLICE("portal.test")));
	assert_true(sni_parse(SLICE("\x00\x04\x00\x00\x01x"), &name));
	assert_true(slice_eq(name, SLICE("x")));
}

static void
refuses_malformed_extensions(void **state)
{
	static const struct slice bad[] = {
		SLICE("\x00\x03\x00\x00\x00"),     /* empty name */
		SLICE("\x00\x04\x01\x00\x01x"),    /* another type */
		SLICE("\x00\x05\x00\x00\x01x"),    /* list too long */
		SLICE("\x00\x03\x00\x00\x01x"),    /* list too short */
		SLICE("\x00\x04\x00\x00\x02x"),    /* name too long */
		SLICE("\x00\x05\x00\x00\x01xy"),   /* a byte behind it */
		SLICE("\x00\x06\x00\x00\x03x\0y"), /* NUL inside */
		SLICE("\x00\x08\x00\x00\x01x\x00\x00\x01y"), /* two names */
	};
	struct slice name;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (sni_parse(bad[i], &name))
			fail_msg("case %zu was taken", i);
}

static void
refuses_every_truncation(void **state)
{
	struct slice whole = SLICE(GOOD), name;

	(void)state;
	for (size_t len = 0; len < whole.len; len++)
		assert_false(sni_parse(slice_first(whole, len), &name));
}

static void
refuses_a_name_that_no_dns_name_can_be(void **state)
{
	char wire[300] = { 0 };
	struct slice name;

	(void)state;
	memset(wire + 5, 'x', 256);
	wire[1] = (char)(255 + 3 - 256);
	wire[0] = 1;
	wire[4] = (char)255;
	assert_true(sni_parse((struct slice){ wire, 5 + 255 }, &name));
	wire[1]++;
	wire[3] = 1;
	wire[4] = 0;
	assert_false(sni_parse((struct slice){ wire, 5 + 256 }, &name));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_host_name),
		cmocka_unit_test(refuses_malformed_extensions),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(refuses_a_name_that_no_dns_name_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
