/*
 * What is decided about a request, as one table per kind of decision.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/http/h1_read.h"
#include "rproxy/request_rules.h"

/* the configuration owns its strings: not const */
#define S(literal) ((char[]){ literal })

static struct server_conf servers[] = { { .host = S("10.0.0.1"), .port = 80 } };
static struct pool_conf plain_pool = {
	.name = S("p"), .server = servers, .n_server = 1
};
static struct pool_conf tls_pool = {
	.name = S("s"), .server = servers, .n_server = 1
};
static char *irj[] = { S("/irj") };
static char *reports[] = { S("/reports") };
static char *secure[] = { S("/secure") };
static char *cert[] = { S("/cert") };
static char *small[] = { S("/small") };
static char *only_tls[] = { S("/tls") };
static struct route_conf routes[] = {
	{ .name = S("irj"),
	    .prefix = { .v = irj, .n = 1 },
	    .pool_http = &plain_pool,
	    .pool_https = &tls_pool },
	{ .name = S("reports"),
	    .prefix = { .v = reports, .n = 1 },
	    .to = S("/crystal/reports"),
	    .pool_http = &plain_pool,
	    .pool_https = &tls_pool },
	{ .name = S("secure"),
	    .prefix = { .v = secure, .n = 1 },
	    .require_tls = true,
	    .pool_http = &plain_pool,
	    .pool_https = &tls_pool },
	{ .name = S("cert"),
	    .prefix = { .v = cert, .n = 1 },
	    .require_client_cert = true,
	    .pool_http = &plain_pool,
	    .pool_https = &tls_pool },
	{ .name = S("small"),
	    .prefix = { .v = small, .n = 1 },
	    .max_body_bytes = 10,
	    .pool_http = &plain_pool,
	    .pool_https = &tls_pool },
	{ .name = S("tls"),
	    .prefix = { .v = only_tls, .n = 1 },
	    .pool_https = &tls_pool },
};
static char *portal_names[] = { S("portal.example.com") };
static char *moved_names[] = { S("moved.example.com") };
static struct site_conf portal = {
	.name = S("portal.example.com"),
	.host = S("portal.example.com"),
	.names = { .v = portal_names, .n = 1 },
	.http = { .https_port = 443,
	    .root_redirect = S("/irj/portal"),
	    .via_name = S("gw") },
	.route = routes,
	.n_route = ARRAY_LEN(routes),
};
static struct site_conf moved = {
	.name = S("moved.example.com"),
	.host = S("moved.example.com"),
	.names = { .v = moved_names, .n = 1 },
	.http = { .https_port = 8443,
	    .https_redirect = true,
	    .root_redirect = S("/start"),
	    .via_name = S("gw") },
	.is_default = true,
	.route = routes,
	.n_route = ARRAY_LEN(routes),
};
static struct site_conf *all[] = { &portal, &moved };

static const struct h1_limits limits = { 1000, 4000, 50, 0 };

struct judged {
	struct request_head head;
	struct request_plan plan;
	struct arena arena;
	struct site_names *names;
};

static void
judge(struct judged *j, const char *text, const struct client_facts *who,
    size_t n_sites)
{
	const struct site_list sites = { .v = all, .n = n_sites };
	struct h1_scan scan = { 0 };
	size_t used;
	enum reason why;

	memset(j, 0, sizeof(*j));
	arena_init(&j->arena, 16384);
	j->names = site_names_new(&sites);
	if (h1_read_request(&scan, slice_of(text), &limits, &j->head, &used,
		&why) != H1_DONE)
		fail_msg("not a head: %s", text);
	request_rules_plan(&j->head, who, j->names, &j->arena, &j->plan);
}

static void
judged_fini(struct judged *j)
{
	site_names_free(j->names);
	fields_fini(&j->head.fields);
	arena_fini(&j->arena);
}

static const struct client_facts plain = { .https = false };
static const struct client_facts tls = { .https = true };
static const struct client_facts with_cert = { .https = true,
	.cert_verified = true };

#define P "Host: portal.example.com\r\n\r\n"
#define M "Host: moved.example.com\r\n\r\n"

struct refused {
	const char *text;
	const struct client_facts *who;
	enum reason why;
};

static const struct refused refusals[] = {
	{ "GET /x HTTP/1.1\r\n" P, &tls, REASON_NO_ROUTE },
	{ "GET /irjx HTTP/1.1\r\n" P, &tls, REASON_NO_ROUTE },
	{ "GET /irj HTTP/1.1\r\nHost: other\r\n\r\n", &tls, REASON_NO_SITE },
	{ "GET /irj HTTP/1.1\r\n\r\n", &tls, REASON_BAD_HOST },
	{ "GET http://other/irj HTTP/1.1\r\n" P, &tls, REASON_BAD_HOST },
	{ "GET /irj/..;/x HTTP/1.1\r\n" P, &tls, REASON_AMBIGUOUS_PATH },
	{ "GET /irj%2fx HTTP/1.1\r\n" P, &tls, REASON_AMBIGUOUS_PATH },
	{ "GET /%72eports/x HTTP/1.1\r\n" P, &tls, REASON_AMBIGUOUS_PATH },
	{ "TRACE /irj HTTP/1.1\r\n" P, &tls, REASON_METHOD_REFUSED },
	{ "OPTIONS /irj HTTP/1.1\r\nMax-Forwards: x\r\n" P, &tls,
	    REASON_BAD_MAX_FORWARDS },
	{ "GET /irj HTTP/1.1\r\nConnection: upgrade\r\n"
	  "Upgrade: websocket\r\n" P,
	    &tls, REASON_UPGRADE_REFUSED },
	{ "GET /secure HTTP/1.1\r\n" P, &plain, REASON_TLS_REQUIRED },
	{ "GET /tls HTTP/1.1\r\n" P, &plain, REASON_TLS_REQUIRED },
	{ "GET /cert HTTP/1.1\r\n" P, &plain, REASON_CERT_REQUIRED },
	{ "GET /cert HTTP/1.1\r\n" P, &tls, REASON_CERT_REQUIRED },
	{ "PUT /small HTTP/1.1\r\nContent-Length: 11\r\n" P, &tls,
	    REASON_BODY_TOO_LARGE },
	{ "GET /irj HTTP/1.1\r\nVia: 1.1 gw\r\n" P, &tls, REASON_LOOP },
	{ "GET /irj HTTP/1.1\r\nExpect: tea\r\n" P, &tls, REASON_EXPECTATION },
	{ "GET /irj HTTP/1.1\r\nConnection: Host\r\n" P, &tls,
	    REASON_BAD_CONNECTION },
	{ "PUT /irj HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" P, &tls,
	    REASON_CODING_IN_1_0 },
};

static void
refuses_with_the_reason(void **state)
{
	struct judged j;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		judge(&j, refusals[i].text, refusals[i].who, 1);
		if (j.plan.action != REQUEST_REFUSE ||
		    j.plan.why != refusals[i].why)
			fail_msg("%s: action %d, %s", refusals[i].text,
			    j.plan.action, reason_name(j.plan.why));
		assert_int_equal(
		    j.plan.is_framed, refusals[i].why != REASON_CODING_IN_1_0);
		judged_fini(&j);
	}
}

struct redirected {
	const char *text;
	const struct client_facts *who;
	unsigned status;
	const char *location;
};

static const struct redirected redirects[] = {
	{ "GET / HTTP/1.1\r\n" P, &tls, 302,
	    "https://portal.example.com/irj/portal" },
	{ "GET /?a=b HTTP/1.1\r\nHost: portal.example.com:8080\r\n\r\n", &plain,
	    302, "http://portal.example.com:8080/irj/portal?a=b" },
	{ "HEAD http://portal.example.com HTTP/1.1\r\n" P, &plain, 302,
	    "http://portal.example.com/irj/portal" },
	{ "GET /a%20b;c?d HTTP/1.1\r\n" M, &plain, 301,
	    "https://moved.example.com:8443/a%20b;c?d" },
	{ "GET / HTTP/1.1\r\nHost: MOVED.example.com:80\r\n\r\n", &plain, 301,
	    "https://MOVED.example.com:8443/" },
	{ "POST /x HTTP/1.1\r\nContent-Length: 0\r\n" M, &plain, 308,
	    "https://moved.example.com:8443/x" },
	{ "GET /x HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n", &plain, 301,
	    "https://[2001:db8::1]:8443/x" },
	{ "GET /x HTTP/1.0\r\n\r\n", &plain, 301,
	    "https://moved.example.com:8443/x" },
	{ "GET / HTTP/1.1\r\n" M, &tls, 302,
	    "https://moved.example.com/start" },
};

static void
redirects_to_the_public_address(void **state)
{
	struct judged j;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(redirects); i++) {
		const struct redirected *r = &redirects[i];
		judge(&j, r->text, r->who, 2);
		if (j.plan.action != REQUEST_REDIRECT ||
		    j.plan.status != r->status ||
		    !slice_eq(j.plan.location, slice_of(r->location)))
			fail_msg("%s: action %d %s, %u %.*s", r->text,
			    j.plan.action, reason_name(j.plan.why),
			    j.plan.status, SLICE_FMT(j.plan.location));
		judged_fini(&j);
	}
}

struct forwarded {
	const char *text;
	const struct client_facts *who;
	const char *pool;
	const char *path;
};

static const struct forwarded forwards[] = {
	{ "GET /irj HTTP/1.1\r\n" P, &plain, "p", "/irj" },
	{ "GET /irj/a%20b;x=1?c=%2F&d HTTP/1.1\r\n" P, &tls, "s",
	    "/irj/a%20b;x=1?c=%2F&d" },
	{ "GET http://portal.example.com/irj?q HTTP/1.1\r\n" P, &plain, "p",
	    "/irj?q" },
	{ "GET /reports/x?y HTTP/1.1\r\n" P, &tls, "s",
	    "/crystal/reports/x?y" },
	{ "GET /irj? HTTP/1.1\r\n" P, &tls, "s", "/irj?" },
	{ "GET /cert/x HTTP/1.1\r\n" P, &with_cert, "s", "/cert/x" },
	{ "PUT /small HTTP/1.1\r\nContent-Length: 10\r\n" P, &tls, "s",
	    "/small" },
	{ "POST /irj HTTP/1.1\r\nExpect: 100-Continue\r\n"
	  "Content-Length: 1\r\n" P,
	    &tls, "s", "/irj" },
	{ "GET /irj HTTP/1.0\r\nExpect: tea\r\n" P, &tls, "s", "/irj" },
};

static void
forwards_to_the_pool_of_the_scheme(void **state)
{
	struct judged j;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forwards); i++) {
		const struct forwarded *f = &forwards[i];
		judge(&j, f->text, f->who, 2);
		if (j.plan.action != REQUEST_FORWARD)
			fail_msg("%s: action %d %s", f->text, j.plan.action,
			    reason_name(j.plan.why));
		assert_string_equal(j.plan.pool->name, f->pool);
		if (!slice_eq(j.plan.path, slice_of(f->path)))
			fail_msg(
			    "%s: path %.*s", f->text, SLICE_FMT(j.plan.path));
		judged_fini(&j);
	}
}

static void
an_expectation_of_http_1_0_is_not_passed_on(void **state)
{
	struct judged j;

	(void)state;
	judge(&j, "GET /irj HTTP/1.0\r\nExpect: 100-continue\r\n" P, &tls, 1);
	assert_null(fields_first(&j.head.fields, FIELD_EXPECT));
	judged_fini(&j);
	judge(&j, "GET /irj HTTP/1.1\r\nExpect: 100-continue\r\n" P, &tls, 1);
	assert_non_null(fields_first(&j.head.fields, FIELD_EXPECT));
	judged_fini(&j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_with_the_reason),
		cmocka_unit_test(redirects_to_the_public_address),
		cmocka_unit_test(forwards_to_the_pool_of_the_scheme),
		cmocka_unit_test(an_expectation_of_http_1_0_is_not_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
