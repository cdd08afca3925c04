/*
 * What a client must see for what a server said in Set-Cookie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "mapping_fixture.h"
#include "rproxy/rewrite/cookies.h"

#define SAME NULL

struct cookie_case {
	enum fixture_route route;
	bool https;
	const char *host;
	const char *said;
	const char *seen;
};

#define H "portal.example.com"

static const struct cookie_case cookies[] = {
	/* Secure is added on https, at the end, once */
	{ IRJ, true, H, "a=b", "a=b; Secure" },
	{ IRJ, false, H, "a=b", SAME },
	{ IRJ, true, H, "a=b; Secure", SAME },
	{ IRJ, true, H, "a=b;secure", SAME },
	{ IRJ, false, H, "a=b; Secure", SAME },
	{ IRJ, true, H, "a=b; HttpOnly", "a=b; HttpOnly; Secure" },
	{ IRJ, true, H, "a=secure", "a=secure; Secure" },
	{ IRJ, true, H, "", SAME },
	/* unknown attributes, order and spacing are kept */
	{ IRJ, false, H, "a=b;x=y;  Priority=High ;Path=/irj; SameSite=Lax",
	    SAME },
	{ IRJ, true, H, "a=b;Partitioned;Max-Age=3",
	    "a=b;Partitioned;Max-Age=3; Secure" },
	{ IRJ, false, H, "a=\"b\"; Expires=Mon, 23 Nov 2026 10:00:00 GMT",
	    SAME },
	{ IRJ, false, H, "saplb_*=(J2EE6500)6500150; Path=/", SAME },
	{ IRJ, false, H, "JSESSIONID=; Path=/irj", SAME },
	{ IRJ, false, H, "novalue", SAME },
	/* paths without a mapping */
	{ IRJ, false, H, "a=b; Path=/irj", SAME },
	{ IRJ, false, H, "a=b; Path=/", SAME },
	{ IRJ, false, H, "a=b; Path=/elsewhere", SAME },
	/* paths with a mapping, at segment borders */
	{ REPORTS, false, H, "a=b; Path=/crystal/reports",
	    "a=b; Path=/reports" },
	{ REPORTS, false, H, "a=b; Path=/crystal/reports/",
	    "a=b; Path=/reports/" },
	{ REPORTS, false, H, "a=b; path=/crystal/reports/x",
	    "a=b; Path=/reports/x" },
	{ REPORTS, false, H, "a=b; Path=/crystal/reportsx", SAME },
	{ REPORTS, false, H, "a=b; Path=/", SAME },
	{ REPORTS, false, H, "a=b; Path=/crystal", "a=b; Path=/reports" },
	{ REPORTS, false, H, "a=b; Path=/cry", SAME },
	{ REPORTS, false, H, "a=b; Path=/reports", SAME },
	{ REPORTS, false, H, "a=b; Path=relative", SAME },
	{ REPORTS, false, H, "a=b; Path=", SAME },
	{ REPORTS, false, H, "a=b; Path=/two/x", "a=b; Path=/app2/x" },
	{ REPORTS, true, H, "a=b; Path=/crystal/reports; HttpOnly",
	    "a=b; Path=/reports; HttpOnly; Secure" },
	{ REPORTS, true, H, "a=b; Secure; Path=/crystal/reports",
	    "a=b; Secure; Path=/reports" },
	/* "/" of a route for all of the server is that route's own */
	{ ROOTED, false, H, "a=b; Path=/", "a=b; Path=/app" },
	{ ROOTED, false, H, "a=b; Path=/x", "a=b; Path=/app/x" },
	{ BESIDE, false, H, "a=b; Path=/", SAME },
	{ BESIDE, false, H, "a=b; Path=/irj", SAME },
	{ BESIDE, false, H, "a=b; Path=/x", "a=b; Path=/app/x" },
	/* an inner domain becomes the public name */
	{ IRJ, false, H, "a=b; Domain=j2ee.intra.example.com",
	    "a=b; Domain=portal.example.com" },
	{ IRJ, false, H, "a=b; Domain=.j2ee.intra.example.com",
	    "a=b; Domain=portal.example.com" },
	{ IRJ, false, H, "a=b; domain=J2EE.INTRA.example.com",
	    "a=b; Domain=portal.example.com" },
	{ IRJ, false, H, "a=b; Domain=intra.example.com",
	    "a=b; Domain=portal.example.com" },
	{ IRJ, false, H, "a=b; Domain=10.1.0.11",
	    "a=b; Domain=portal.example.com" },
	{ IRJ, false, H, "a=b; Domain=j2ee-cluster.intra",
	    "a=b; Domain=portal.example.com" },
	{ IRJ, false, "portal.example.com:8443",
	    "a=b; Domain=10.1.0.11; Path=/",
	    "a=b; Domain=portal.example.com; Path=/" },
	{ TWIN, false, H, "a=b; Domain=10.2.0.1",
	    "a=b; Domain=portal.example.com" },
	{ TWIN, true, H, "a=b; Domain=10.2.0.1; Secure",
	    "a=b; Domain=portal.example.com; Secure" },
	/* one that covers the public name already stays */
	{ IRJ, false, H, "a=b; Domain=.example.com", SAME },
	{ IRJ, false, H, "a=b; Domain=portal.example.com", SAME },
	{ IRJ, false, H, "a=b; Domain=www.example.org", SAME },
	{ IRJ, false, H, "a=b; Domain=", SAME },
	/* where the public name cannot be a domain, the attribute goes */
	{ IRJ, false, "localhost:8080", "a=b; Domain=10.1.0.11; Path=/",
	    "a=b; Path=/" },
	{ IRJ, false, "192.0.2.1", "a=b; Domain=10.1.0.11", "a=b" },
	{ IRJ, false, "[2001:db8::1]:8080", "a=b; Domain=10.1.0.11; HttpOnly",
	    "a=b; HttpOnly" },
	/* prefixes that browsers enforce */
	{ REPORTS, true, H, "__Host-a=b; Path=/; Secure", SAME },
	{ REPORTS, true, H, "__Host-a=b; Path=/crystal/reports; Secure", SAME },
	{ REPORTS, true, H, "__Secure-a=b; Path=/crystal/reports; Secure",
	    "__Secure-a=b; Path=/reports; Secure" },
	/* more attributes than any cookie has: left alone */
	{ REPORTS, true, H,
	    "a=b;1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;Path=/crystal/reports",
	    SAME },
};

/*
 * Under /reports -> /crystal/reports, for each of public[].  In what is seen
 * '$' stands for "; Secure", which is there on https.
 */
static const struct {
	const char *said;
	const char *seen;
} everywhere[] = {
	{ "a=b", "a=b$" },
	{ "a=b; Secure", SAME },
	{ "a=b; secure; HttpOnly", SAME },
	{ "a=b; HttpOnly", "a=b; HttpOnly$" },
	{ "a=b; Path=/", "a=b; Path=/$" },
	{ "a=b; Path=/crystal/reports", "a=b; Path=/reports$" },
	{ "a=b; Path=/crystal/reports/", "a=b; Path=/reports/$" },
	{ "a=b; path=/crystal/reports/x/y", "a=b; Path=/reports/x/y$" },
	{ "a=b; PATH=/crystal", "a=b; Path=/reports$" },
	{ "a=b; Path=/crystal/", "a=b; Path=/reports$" },
	{ "a=b; Path=/crystal/reportsx", "a=b; Path=/crystal/reportsx$" },
	{ "a=b; Path=/crystal/rep", "a=b; Path=/crystal/rep$" },
	{ "a=b; Path=/cry", "a=b; Path=/cry$" },
	{ "a=b; Path=/reports", "a=b; Path=/reports$" },
	{ "a=b; Path=", "a=b; Path=$" },
	{ "a=b; Path", "a=b; Path$" },
	{ "a=b; Path=crystal/reports", "a=b; Path=crystal/reports$" },
	{ "a=b;Path=/crystal/reports;Secure", "a=b; Path=/reports;Secure" },
	{ "a=b; Path = /crystal/reports", "a=b; Path=/reports$" },
	{ "a=b; Path=/two", "a=b; Path=/app2$" },
	{ "a=b; Path=/two/x", "a=b; Path=/app2/x$" },
	{ "a=b; Path=/twox", "a=b; Path=/twox$" },
	{ "JSESSIONID=1.n1; Path=/crystal/reports; HttpOnly",
	    "JSESSIONID=1.n1; Path=/reports; HttpOnly$" },
	{ "saplb_*=(J2EE6500)65; Path=/crystal/reports",
	    "saplb_*=(J2EE6500)65; Path=/reports$" },
	{ "a=/crystal/reports", "a=/crystal/reports$" },
	{ "Path=/crystal/reports", "Path=/crystal/reports$" },
	{ "a=b; Domain=10.1.0.11; Path=/crystal/reports",
	    "a=b; Domain=portal.example.com; Path=/reports$" },
	{ "a=b; Path=/crystal/reports; Domain=j2ee.intra.example.com",
	    "a=b; Path=/reports; Domain=portal.example.com$" },
	{ "a=b; Domain=.intra.example.com", "a=b; Domain=portal.example.com$" },
	{ "a=b; DOMAIN=J2EE-CLUSTER.intra", "a=b; Domain=portal.example.com$" },
	{ "a=b; Domain=intra", "a=b; Domain=portal.example.com$" },
	{ "a=b; Domain=.example.com", "a=b; Domain=.example.com$" },
	{ "a=b; Domain=portal.example.com", "a=b; Domain=portal.example.com$" },
	{ "a=b; Domain=www.example.org", "a=b; Domain=www.example.org$" },
	{ "a=b; Domain=", "a=b; Domain=$" },
	{ "a=b; Max-Age=3; Path=/crystal/reports; SameSite=Lax",
	    "a=b; Max-Age=3; Path=/reports; SameSite=Lax$" },
	{ "a=b; Expires=Mon, 23 Nov 2026 10:00:00 GMT; Path=/crystal/reports",
	    "a=b; Expires=Mon, 23 Nov 2026 10:00:00 GMT; Path=/reports$" },
	{ "a=b; Priority=High; Partitioned; x",
	    "a=b; Priority=High; Partitioned; x$" },
	{ "a=b; SameSite=None; Secure", SAME },
	{ "a=; Max-Age=0; Path=/crystal/reports",
	    "a=; Max-Age=0; Path=/reports$" },
	{ "__Host-a=b; Path=/; Secure", SAME },
	{ "__host-a=b; Path=/crystal/reports; Secure", SAME },
	{ "__Secure-a=b; Path=/crystal/reports; Secure",
	    "__Secure-a=b; Path=/reports; Secure" },
	{ "__Secure-a=b; Path=/crystal/reports",
	    "__Secure-a=b; Path=/reports$" },
};

static const struct {
	bool https;
	const char *host;
} public[] = { { false, H }, { true, H }, { false, H ":8080" },
	{ true, H ":8443" } };

static void
cookies_are_mapped_alike_on_both_schemes_and_all_ports(void **state)
{
	size_t n = ARRAY_LEN(public) * ARRAY_LEN(everywhere);

	(void)state;
	for (size_t k = 0; k < n; k++) {
		size_t at = k % ARRAY_LEN(public), i = k / ARRAY_LEN(public);
		struct client_facts who = { .https = public[at].https };
		struct mapping m =
		    fixture_mapping(REPORTS, &who, public[at].host);
		const char *seen = everywhere[i].seen;
		struct slice want, got;
		struct arena a;

		arena_init(&a, 65536);
		want = slice_of(seen == SAME ? everywhere[i].said : seen);
		if (want.p[want.len - 1] == '$')
			want = arena_printf(&a, "%.*s%s", (int)want.len - 1,
			    want.p, who.https ? "; Secure" : "");
		got = cookies_rewrite(&m, slice_of(everywhere[i].said), &a);
		if (!slice_eq(got, want))
			fail_msg("%s: got %.*s, want %.*s", everywhere[i].said,
			    SLICE_FMT(got), SLICE_FMT(want));
		arena_fini(&a);
	}
}

static void
cookies_are_mapped_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cookies); i++) {
		const struct cookie_case *c = &cookies[i];
		const char *want = c->seen == SAME ? c->said : c->seen;
		struct client_facts who = { .https = c->https };
		struct mapping m = fixture_mapping(c->route, &who, c->host);
		struct fields f = { 0 };
		struct arena a;

		arena_init(&a, 65536);
		assert_true(
		    fields_add(&f, SLICE("Set-Cookie"), slice_of(c->said)));
		assert_true(cookies_apply(&f, &m, &a));
		if (!slice_eq(f.v[0].value, slice_of(want)))
			fail_msg("%s: got %.*s, want %s", c->said,
			    SLICE_FMT(f.v[0].value), want);
		fields_fini(&f);
		arena_fini(&a);
	}
}

struct option_case {
	bool https;
	struct http_conf http;
	const char *said;
	const char *seen;
};

static struct cookie_domain_conf sso[] = {
	{ .from = ".intra.example.com", .to = ".example.com" },
	{ .from = "old.example.org", .to = "portal.example.com" },
};

#define SSO .cookie_domain = { sso, 2 }

static const struct option_case options[] = {
	{ true, { .cookie_secure = COOKIE_SECURE_OFF }, "a=b", SAME },
	{ true, { .cookie_secure = COOKIE_SECURE_OFF }, "a=b; Secure", SAME },
	{ false, { .cookie_secure = COOKIE_SECURE_ON }, "a=b", "a=b; Secure" },
	{ false, { .cookie_secure = COOKIE_SECURE_ON }, "a=b; secure", SAME },
	{ false, { .cookie_httponly = true }, "a=b", "a=b; HttpOnly" },
	{ false, { .cookie_httponly = true }, "a=b; httponly", SAME },
	{ true, { .cookie_httponly = true }, "a=b; Path=/",
	    "a=b; Path=/; Secure; HttpOnly" },
	{ false, { .cookie_samesite = COOKIE_SAMESITE_LAX }, "a=b",
	    "a=b; SameSite=Lax" },
	{ false, { .cookie_samesite = COOKIE_SAMESITE_STRICT }, "a=b",
	    "a=b; SameSite=Strict" },
	{ false, { .cookie_samesite = COOKIE_SAMESITE_LAX },
	    "a=b; samesite=none; Secure", SAME },
	/* None without Secure is no cookie at all */
	{ true, { .cookie_samesite = COOKIE_SAMESITE_NONE }, "a=b",
	    "a=b; Secure; SameSite=None" },
	{ false, { .cookie_samesite = COOKIE_SAMESITE_NONE }, "a=b", SAME },
	{ false, { .cookie_samesite = COOKIE_SAMESITE_NONE }, "a=b; Secure",
	    "a=b; Secure; SameSite=None" },
	/* the cookie of another domain */
	{ false, { SSO }, "MYSAPSSO2=x; Domain=.intra.example.com; Path=/",
	    "MYSAPSSO2=x; Domain=.example.com; Path=/" },
	{ false, { SSO }, "a=b; domain=INTRA.example.com",
	    "a=b; Domain=.example.com" },
	{ false, { SSO }, "a=b; Domain=j2ee.intra.example.com",
	    "a=b; Domain=portal.example.com" },
	{ false, { SSO }, "a=b; Domain=.old.example.org",
	    "a=b; Domain=portal.example.com" },
	{ false, { SSO }, "a=b; Domain=example.org", SAME },
	/* the promise of a name is kept, and fulfilled */
	{ true, { .cookie_httponly = true }, "__Host-a=b; Path=/",
	    "__Host-a=b; Path=/; Secure; HttpOnly" },
	{ false, { SSO }, "__Host-a=b; Domain=.intra.example.com", SAME },
	{ true, { .cookie_samesite = COOKIE_SAMESITE_LAX }, "__Secure-a=b",
	    "__Secure-a=b; Secure; SameSite=Lax" },
};

static void
the_site_says_what_is_added(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		const struct option_case *c = &options[i];
		const char *want = c->seen == SAME ? c->said : c->seen;
		struct client_facts who = { .https = c->https };
		struct mapping m = fixture_mapping(IRJ, &who, H);
		struct site_conf site = fixture_site;
		struct slice got;
		struct arena a;

		arena_init(&a, 65536);
		site.http = c->http;
		m.site = &site;
		got = cookies_rewrite(&m, slice_of(c->said), &a);
		if (!slice_eq(got, slice_of(want)))
			fail_msg("%zu: %s: got %.*s, want %s", i, c->said,
			    SLICE_FMT(got), want);
		arena_fini(&a);
	}
}

static void
several_cookies_stay_several_fields(void **state)
{
	struct client_facts who = { .https = true };
	struct mapping m = fixture_mapping(REPORTS, &who, H);
	struct fields f = { 0 };
	struct arena a;

	(void)state;
	arena_init(&a, 65536);
	assert_true(fields_add(&f, SLICE("Set-Cookie"), SLICE("a=1")));
	assert_true(fields_add(&f, SLICE("set-cookie"), SLICE("b=2")));
	assert_true(cookies_apply(&f, &m, &a));
	assert_int_equal(f.n, 2);
	assert_true(slice_eq(f.v[0].value, SLICE("a=1; Secure")));
	assert_true(slice_eq(f.v[1].value, SLICE("b=2; Secure")));
	fields_fini(&f);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookies_are_mapped_as_the_table_says),
		cmocka_unit_test(
		    cookies_are_mapped_alike_on_both_schemes_and_all_ports),
		cmocka_unit_test(the_site_says_what_is_added),
		cmocka_unit_test(several_cookies_stay_several_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
