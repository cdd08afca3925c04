#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/expiry.h"

#define DAY INT64_C(86400)
#define NOW INT64_C(1800000000)

static const struct {
	enum plan_expiry_kind kind;
	int64_t left_s;
	const char *text; /* part of it; NULL: nothing is said */
} cases[] = {
	{ PLAN_CERTIFICATE, 90 * DAY, NULL },
	{ PLAN_CERTIFICATE, 14 * DAY + 1, NULL },
	{ PLAN_CERTIFICATE, 14 * DAY, "site portal expires in 14 days" },
	{ PLAN_CERTIFICATE, 2 * DAY + 5, "site portal expires in 2 days" },
	{ PLAN_CERTIFICATE, 1, "site portal expires in 0 days" },
	{ PLAN_CERTIFICATE, 0, "site portal expired 0 days ago" },
	{ PLAN_CERTIFICATE, -3 * DAY, "site portal expired 3 days ago" },
	{ PLAN_CRL, 2 * DAY + 1, NULL },
	{ PLAN_CRL, 2 * DAY, "client_crl of site portal expires in 2 days" },
	{ PLAN_CRL, -DAY, "no client's certificate is accepted" },
};

static void
warns_some_days_before_the_end(void **state)
{
	char name[] = "portal", text[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct plan_expiry e = { cases[i].kind, name,
			NOW + cases[i].left_s };
		bool is_said = expiry_text(&e, NOW, text, sizeof(text));

		assert_int_equal(is_said, cases[i].text != NULL);
		if (is_said && strstr(text, cases[i].text) == NULL)
			fail_msg("%s: not in \"%s\"", cases[i].text, text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(warns_some_days_before_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
