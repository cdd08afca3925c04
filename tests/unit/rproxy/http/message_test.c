/*
 * Request methods.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/check.h"
#include "rproxy/http/message.h"

static const struct {
	const char *name;
	enum method id;
	bool idempotent;
} rows[] = {
	{ "GET", METHOD_GET, true },
	{ "HEAD", METHOD_HEAD, true },
	{ "POST", METHOD_POST, false },
	{ "PUT", METHOD_PUT, true },
	{ "DELETE", METHOD_DELETE, true },
	{ "OPTIONS", METHOD_OPTIONS, true },
	{ "TRACE", METHOD_TRACE, true },
	{ "CONNECT", METHOD_CONNECT, false },
	{ "PATCH", METHOD_PATCH, false },
	{ "PROPFIND", METHOD_OTHER, false },
	{ "get", METHOD_OTHER, false },
	{ "GETS", METHOD_OTHER, false },
	{ "", METHOD_OTHER, false },
};

static void
knows_methods_by_their_exact_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(method_of(slice_of(rows[i].name)), rows[i].id);
}

static void
knows_which_methods_may_be_repeated(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(
		    method_is_idempotent(rows[i].id), rows[i].idempotent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_methods_by_their_exact_name),
		cmocka_unit_test(knows_which_methods_may_be_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
