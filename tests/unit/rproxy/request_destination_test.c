/*
 * Destination of MOVE and COPY: the public address as the server's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/check.h"
#include "plan_fixture.h"

static const char site[] =
    "[site]\nnames = p.example.com\nnames = *.w.example.com\n"
    "[http]\ndeny = /reports/closed\n%s"
    "[route reports]\nprefix = /reports\nto = /crystal/reports\npool = p\n"
    "[route irj]\nprefix = /irj\npool = p\n"
    "[route cert]\nprefix = /cert\npool = p\nrequire_client_cert = yes\n"
    "[route secure]\nprefix = /secure\npool = p\nrequire_tls = redirect\n"
    "[route other]\nprefix = /other\npool = q\n"
    "[pool p]\nserver = http://127.0.0.1:1\n"
    "[pool q]\nserver = http://127.0.0.1:2\n";

#define PUBLIC "https://p.example.com"

struct destined {
	const char *field;
	const char *want; /* NULL: refused */
	enum reason why;
};

static const struct destined named[] = {
	{ PUBLIC "/reports/b", PUBLIC "/crystal/reports/b", REASON_OK },
	{ PUBLIC "/reports/b?c", PUBLIC "/crystal/reports/b?c", REASON_OK },
	{ PUBLIC ":443/reports/b", PUBLIC ":443/crystal/reports/b", REASON_OK },
	{ "https://P.Example.com/reports",
	    "https://P.Example.com/crystal/reports", REASON_OK },
	{ "http://p.example.com/reports/b",
	    "http://p.example.com/crystal/reports/b", REASON_OK },
	{ "https://a.w.example.com/irj/%20x",
	    "https://a.w.example.com/irj/%20x", REASON_OK },
	{ "/reports/b", "/crystal/reports/b", REASON_OK },
	{ "/irj/b", "/irj/b", REASON_OK },
	/* of another site: the server's business */
	{ "https://www.example.org/reports/b",
	    "https://www.example.org/reports/b", REASON_OK },
	{ "https://p.example.com.evil.org/reports",
	    "https://p.example.com.evil.org/reports", REASON_OK },
	{ PUBLIC "/reports/closed", NULL, REASON_DENIED },
	{ PUBLIC "/reports/x/../closed", NULL, REASON_DENIED },
	{ "/reports/%63losed/x", NULL, REASON_DENIED },
	{ PUBLIC "/secure/b", PUBLIC "/secure/b", REASON_OK },
	{ PUBLIC "/other/b", NULL, REASON_BAD_DESTINATION },
	{ PUBLIC "/cert/b", NULL, REASON_BAD_DESTINATION },
	{ PUBLIC "/nowhere", NULL, REASON_BAD_DESTINATION },
	{ PUBLIC "/reports/..;/x", NULL, REASON_AMBIGUOUS_PATH },
	{ PUBLIC "/%72eports/x", NULL, REASON_AMBIGUOUS_PATH },
	{ "//p.example.com/reports", NULL, REASON_BAD_DESTINATION },
	{ "https://u@p.example.com/reports", NULL, REASON_BAD_DESTINATION },
	{ PUBLIC "/reports#x", NULL, REASON_BAD_DESTINATION },
	{ "ftp://p.example.com/reports", NULL, REASON_BAD_DESTINATION },
	{ "b", NULL, REASON_BAD_DESTINATION },
	{ "*", NULL, REASON_BAD_DESTINATION },
	{ "/a\r\nDestination: /b", NULL, REASON_BAD_DESTINATION },
};

static const struct destined unnamed[] = {
	{ PUBLIC "/reports/b?c", "/crystal/reports/b?c", REASON_OK },
	{ "/reports/b", "/crystal/reports/b", REASON_OK },
	{ "https://www.example.org/reports/b",
	    "https://www.example.org/reports/b", REASON_OK },
};

/* on http */
static const struct destined plain[] = {
	{ "/reports/b", "/crystal/reports/b", REASON_OK },
	{ "/secure/b", NULL, REASON_BAD_DESTINATION },
};

/* as GET */
static const struct destined without_meaning[] = {
	{ "Hamburg", NULL, REASON_OK },
	{ "//Hamburg", NULL, REASON_OK },
	{ "https://www.example.org/x", "https://www.example.org/x", REASON_OK },
	{ PUBLIC "/reports/b", PUBLIC "/crystal/reports/b", REASON_OK },
	{ PUBLIC "/reports/closed", NULL, REASON_DENIED },
	{ "Hamburg\r\nDestination: Bremen", NULL, REASON_BAD_DESTINATION },
};

static void
check_all(
    const char *method, const struct destined *v, size_t n, const char *more)
{
	const struct client_facts who = { .https = v != plain };
	char text[1024], request[512];
	struct planned p;

	(void)snprintf(text, sizeof(text), site, more);
	planned_site(&p, text);
	for (size_t i = 0; i < n; i++) {
		struct slice want = slice_of(v[i].want);

		(void)snprintf(request, sizeof(request),
		    "%s /reports/a HTTP/1.1\r\nHost: p.example.com\r\n"
		    "Destination: %s\r\n\r\n",
		    method, v[i].field);
		planned_request(&p, request, &who);
		if (p.plan.why != v[i].why ||
		    (p.plan.why == REASON_OK &&
			(p.plan.destination.p == NULL) !=
			    (v[i].want == NULL)) ||
		    (v[i].want != NULL && !slice_eq(p.plan.destination, want)))
			fail_msg("%s: %s, %.*s", v[i].field,
			    reason_name(p.plan.why),
			    SLICE_FMT(p.plan.destination));
	}
	planned_fini(&p);
}

static void
destinations_go_the_way_of_requests(void **state)
{
	(void)state;
	check_all("MOVE", named, ARRAY_LEN(named), "");
}

static void
a_plain_request_moves_nothing_into_a_secure_area(void **state)
{
	(void)state;
	check_all("MOVE", plain, ARRAY_LEN(plain), "");
}

static void
without_preserve_host_the_public_name_goes(void **state)
{
	(void)state;
	check_all("COPY", unnamed, ARRAY_LEN(unnamed), "preserve_host = no\n");
}

static void
an_application_may_have_its_own_use_for_the_field(void **state)
{
	(void)state;
	check_all("GET", without_meaning, ARRAY_LEN(without_meaning), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(destinations_go_the_way_of_requests),
		cmocka_unit_test(
		    a_plain_request_moves_nothing_into_a_secure_area),
		cmocka_unit_test(without_preserve_host_the_public_name_goes),
		cmocka_unit_test(
		    an_application_may_have_its_own_use_for_the_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
