/*
 * Where clients are sent, and what the rules of a site make of a request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "plan_fixture.h"

static const char site[] =
    "[site]\nnames = p.example.com\n"
    "[http]\nroot_redirect = /irj/portal\nhttps_port = 8443\n"
    "deny = /irj/closed\nallow = /irj\nallow = /old\nallow = /secure\n"
    "allow = /reports\nallow = /way\n"
    "redirect = /old -> /irj/new\n"
    "redirect = 301 ~^/old/(.+)$ -> https://www.example.org/$1\n"
    "redirect = /old/query -> /irj?a=b\n"
    "rewrite = ~^/way/(.*)$ -> /irj/$1\n"
    "rewrite = /irj/report -> /reports/x?id=7\n"
    "rewrite = ~^/old2$ -> /irj\n"
    "[route irj]\nprefix = /irj\npool = p\n"
    "[route secure]\nprefix = /secure\npool = p\nrequire_tls = redirect\n"
    "[route reports]\nprefix = /reports\nto = /crystal\npool = p\n"
    "[route rest]\nprefix = /\npool = p\n"
    "[pool p]\nserver = http://127.0.0.1:1\n";

static const struct client_facts plain = { .https = false };
static const struct client_facts tls = { .https = true };

#define H " HTTP/1.1\r\nHost: p.example.com\r\n\r\n"

struct redirected {
	const char *request;
	const struct client_facts *who;
	unsigned status;
	const char *location;
};

static const struct redirected redirects[] = {
	{ "GET /" H, &plain, 302, "http://p.example.com/irj/portal" },
	{ "GET /old" H, &plain, 302, "http://p.example.com/irj/new" },
	{ "GET /old HTTP/1.1\r\nHost: P.example.com:8080\r\n\r\n", &plain, 302,
	    "http://P.example.com:8080/irj/new" },
	{ "GET / HTTP/1.1\r\nHost: p.example.com:8080\r\n\r\n", &plain, 302,
	    "http://p.example.com:8080/irj/portal" },
	{ "GET /old?x=1" H, &tls, 302, "https://p.example.com/irj/new?x=1" },
	{ "GET /x/../old;a=b" H, &tls, 302, "https://p.example.com/irj/new" },
	{ "POST /old" H, &tls, 307, "https://p.example.com/irj/new" },
	{ "GET /old/a/b?c" H, &tls, 301, "https://www.example.org/a/b?c" },
	{ "POST /old/a" H, &tls, 301, "https://www.example.org/a" },
	{ "GET /old/@evil.org%0d" H, NULL, 0, NULL },
	{ "GET /old/%3fq" H, &tls, 301, "https://www.example.org/%3Fq" },
	/* require_tls = redirect */
	{ "GET /secure/x?y" H, &plain, 301,
	    "https://p.example.com:8443/secure/x?y" },
	{ "POST /secure" H, &plain, 308, "https://p.example.com:8443/secure" },
};

static void
clients_are_sent_where_the_site_says(void **state)
{
	struct planned p;

	(void)state;
	planned_site(&p, site);
	for (size_t i = 0; i < ARRAY_LEN(redirects); i++) {
		const struct redirected *r = &redirects[i];

		planned_request(&p, r->request, r->who ? r->who : &tls);
		if (r->location == NULL) {
			assert_int_equal(p.plan.action, REQUEST_REFUSE);
			continue;
		}
		if (p.plan.action != REQUEST_REDIRECT ||
		    p.plan.status != r->status ||
		    !slice_eq(p.plan.location, slice_of(r->location)))
			fail_msg("%s: %s %u %.*s", r->request,
			    reason_name(p.plan.why), p.plan.status,
			    SLICE_FMT(p.plan.location));
	}
	planned_fini(&p);
}

struct outcome {
	const char *request;
	const char *path; /* at the server; NULL: refused */
	enum reason why;
};

static const struct outcome outcomes[] = {
	{ "GET /irj/x?y" H, "/irj/x?y", REASON_OK },
	{ "GET /way/a?b=c" H, "/irj/a?b=c", REASON_OK },
	{ "GET /way/a%20b%3Fc" H, "/irj/a%20b%3Fc", REASON_OK },
	{ "GET http://p.example.com/way/a?b" H, "/irj/a?b", REASON_OK },
	{ "GET /way" H, "/way", REASON_OK },
	{ "GET /irj/report?id=8" H, "/crystal/x?id=7", REASON_OK },
	/* one rewrite for each request */
	{ "GET /way/report" H, "/irj/report", REASON_OK },
	{ "GET /secure" H, "/secure", REASON_OK },
	{ "GET /irj/closed" H, NULL, REASON_DENIED },
	{ "GET /irj/closed/x" H, NULL, REASON_DENIED },
	{ "GET /irj/%63losed" H, NULL, REASON_DENIED },
	{ "GET /irj/CLOSED" H, NULL, REASON_DENIED },
	{ "GET /irj/x/../closed;y" H, NULL, REASON_DENIED },
	{ "GET //irj//closed" H, NULL, REASON_DENIED },
	{ "GET /nwa" H, NULL, REASON_DENIED },
	{ "GET /IRJ" H, NULL, REASON_DENIED },
	/* a rewrite leads nowhere that is closed */
	{ "GET /way/closed" H, NULL, REASON_DENIED },
	{ "GET /way/x/..;/closed" H, NULL, REASON_AMBIGUOUS_PATH },
	/* what is not allowed is not rewritten either */
	{ "GET /old2" H, NULL, REASON_DENIED },
};

static void
rules_come_in_the_documented_order(void **state)
{
	struct planned p;

	(void)state;
	planned_site(&p, site);
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		const struct outcome *o = &outcomes[i];

		planned_request(&p, o->request, &tls);
		if (p.plan.why != o->why ||
		    (o->path != NULL &&
			!slice_eq(p.plan.path, slice_of(o->path))))
			fail_msg("%s: %s, %.*s", o->request,
			    reason_name(p.plan.why), SLICE_FMT(p.plan.path));
	}
	planned_fini(&p);
}

static void
an_expression_without_end_refuses_the_request(void **state)
{
	char request[600] = "GET /";
	struct planned p;

	(void)state;
	memset(request + 5, 'a', 400);
	strcpy(request + 405, "!" H);
	planned_site(&p, "[site]\nnames = p.example.com\n"
			 "[http]\nredirect = ~^/(a+)+$ -> /x\n"
			 "[route r]\nprefix = /\npool = p\n"
			 "[pool p]\nserver = http://127.0.0.1:1\n");
	planned_request(&p, request, &tls);
	assert_int_equal(p.plan.why, REASON_RULE_LIMIT);
	planned_fini(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_are_sent_where_the_site_says),
		cmocka_unit_test(rules_come_in_the_documented_order),
		cmocka_unit_test(an_expression_without_end_refuses_the_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
