/*
 * What a server gets to see of a client's fields, and of the operator's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "plan_fixture.h"
#include "rproxy/request_fields.h"
#include "rproxy/response_fields.h"

static const char site[] =
    "[site]\nnames = p.example.com\napp = sap-abap\n"
    "[tls]\ncertificate = c\nkey = k\n"
    "[http]\nhsts = 1y\nvia = off\nrequest_header_remove = X-Debug\n"
    "request_header = Front-End-Https: On\n"
    "request_header = CLIENTPROTOCOL: HTTPS\n"
    "request_header = x-sap-webdisp-ap: HTTP=8000\n"
    "request_header = X-Plain: yes\n"
    "response_header = X-From: gateway\n"
    "[route r]\nprefix = /\npool = p\n"
    "[pool p]\nserver = http://127.0.0.1:1\n";

#define REQUEST                                                                \
	"GET /x HTTP/1.1\r\nHost: p.example.com\r\nX-Debug: 1\r\n"             \
	"Front_End_Https: on\r\nX-Plain: no\r\nX-Forwarded-For: 6.6.6.6\r\n"   \
	"clientprotocol: https\r\nAccept: a\r\nX_Plain: no\r\n"                \
	"x_debug: 1\r\n\r\n"

struct wanted {
	const char *name;
	const char *on_http; /* NULL: not there */
	const char *on_https;
};

static const struct wanted fields[] = {
	{ "Front-End-Https", NULL, "On" },
	{ "Front_End_Https", NULL, NULL },
	{ "ClientProtocol", "http", "HTTPS" },
	{ "x-sap-webdisp-ap", "HTTP=8000", "HTTP=8000" },
	{ "X-Plain", "yes", "yes" },
	{ "X_Plain", NULL, NULL },
	{ "X-Debug", NULL, NULL },
	{ "X_Debug", NULL, NULL },
	{ "X-Forwarded-For", "192.0.2.1", "192.0.2.1" },
	{ "Accept", "a", "a" },
	{ "Host", NULL, NULL },
};

static void
check(struct planned *p, bool https)
{
	const struct client_facts who = { .https = https,
		.addr_text = SLICE("192.0.2.1") };

	planned_request(p, REQUEST, &who);
	assert_int_equal(p->plan.action, REQUEST_FORWARD);
	assert_int_equal(
	    request_fields_rewrite(&p->head, &p->plan, &who, &p->arena),
	    REASON_OK);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const char *want =
		    https ? fields[i].on_https : fields[i].on_http;
		const struct field *v =
		    fields_find(&p->head.fields, slice_of(fields[i].name));

		if ((v == NULL) != (want == NULL) ||
		    (v != NULL && !slice_eq(v->value, slice_of(want))))
			fail_msg("%s on %s: %.*s", fields[i].name,
			    https ? "https" : "http",
			    SLICE_FMT(v != NULL ? v->value : SLICE("none")));
	}
}

/* "Front-End-Https: On" with a plain request would be a lie. */
static void
what_states_tls_is_sent_to_tls_clients_alone(void **state)
{
	struct planned p;

	(void)state;
	planned_site(&p, site);
	check(&p, false);
	check(&p, true);
	planned_fini(&p);
}

static void
access_points_come_from_the_listeners(void **state)
{
	struct planned p;

	(void)state;
	planned_site(&p, site);
	assert_string_equal(
	    p.config->sites.v[0]->access_points, "HTTP=8080,HTTPS=443");
	planned_fini(&p);
}

static void
hsts_is_for_https_alone_and_replaces_the_servers(void **state)
{
	struct planned p;

	(void)state;
	planned_site(&p, site);
	for (int https = 0; https < 2; https++) {
		const struct client_facts who = { .https = https != 0 };
		struct response_head r = { .status = 200, .minor = 1 };
		const struct field *v;

		planned_request(&p, REQUEST, &who);
		assert_true(fields_add(&r.fields,
		    SLICE("strict-transport-security"), SLICE("max-age=1")));
		assert_true(
		    response_fields_rewrite(&r, &p.plan, &who, &p.arena));
		v = fields_find(&r.fields, SLICE("Strict-Transport-Security"));
		assert_non_null(v);
		assert_true(slice_eq(v->value,
		    https ? SLICE("max-age=31536000") : SLICE("max-age=1")));
		assert_non_null(fields_find(&r.fields, SLICE("X-From")));
		fields_fini(&r.fields);
	}
	planned_fini(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_states_tls_is_sent_to_tls_clients_alone),
		cmocka_unit_test(access_points_come_from_the_listeners),
		cmocka_unit_test(
		    hsts_is_for_https_alone_and_replaces_the_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
