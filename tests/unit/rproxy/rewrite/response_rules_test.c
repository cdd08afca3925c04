/*
 * What a client must see for what a server said in Location.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "mapping_fixture.h"

#define SAME NULL /* the client sees what the server said */

struct url_case {
	enum fixture_route route;
	const char *request; /* scheme and host of the request */
	const char *said;
	const char *seen;
};

#define S "https://portal.example.com"
#define P "http://portal.example.com"
#define S8443 "https://portal.example.com:8443"
#define P8080 "http://portal.example.com:8080"
#define V6 "https://[2001:db8::1]"

static const struct url_case urls[] = {
	/* servers of the pool, on https */
	{ IRJ, S, "http://10.1.0.11:50000/irj/portal", S "/irj/portal" },
	{ IRJ, S, "http://10.1.0.11:50000/irj/portal?a=b#c",
	    S "/irj/portal?a=b#c" },
	{ IRJ, S, "http://10.1.0.11:50000", S },
	{ IRJ, S, "http://10.1.0.11:50000/", S "/" },
	{ IRJ, S, "http://10.1.0.11:50000?x", S "?x" },
	{ IRJ, S, "HTTP://10.1.0.11:50000/irj", S "/irj" },
	{ IRJ, S, "http://j2ee.intra.example.com:8080/irj", S "/irj" },
	{ IRJ, S, "http://J2EE.Intra.Example.COM:8080/irj", S "/irj" },
	{ IRJ, S, "https://10.1.0.12:50001/irj", S "/irj" },
	{ IRJ, S, "http://[fd00::1]:8080/irj", S "/irj" },
	{ IRJ, S, "http://[FD00::1]:8080/irj", S "/irj" },
	{ IRJ, S, "http://[fd00:0:0:0:0:0:0:1]:8080/irj", S "/irj" },
	{ IRJ, S, "http://[fd00::0.0.0.1]:8080/irj", S "/irj" },
	{ IRJ, S, "http://[fd00::2]:8080/irj", SAME },
	/* aliases; a default port is the same as none */
	{ IRJ, S, "http://j2ee-cluster.intra/irj", S "/irj" },
	{ IRJ, S, "http://j2ee-cluster.intra:80/irj", S "/irj" },
	{ IRJ, S, "http://j2ee-cluster.intra:81/irj", SAME },
	/* another port or scheme of a server is another authority */
	{ IRJ, S, "http://10.1.0.11:50001/irj", SAME },
	{ IRJ, S, "http://10.1.0.11/irj", SAME },
	{ IRJ, S, "https://10.1.0.11/irj", SAME },
	{ IRJ, S, "http://10.1.0.13:50000/irj", SAME },
	/* the site's own name with the wrong scheme */
	{ IRJ, S, "http://portal.example.com/irj/portal", S "/irj/portal" },
	{ IRJ, S, "http://portal.example.com:80/irj", S "/irj" },
	{ IRJ, S, "http://PORTAL.example.com/irj",
	    "https://PORTAL.example.com/irj" },
	{ IRJ, S, "https://portal.example.com/irj", S "/irj" },
	{ IRJ, S, "https://portal.example.com:443/irj", S "/irj" },
	{ IRJ, S, "http://portal.example.com:443/irj", S "/irj" },
	{ IRJ, S, "http://portal.example.com:50000/irj", S "/irj" },
	{ IRJ, S, "http://portal.example.com:9999/irj", SAME },
	{ IRJ, S, "http://a.w.example.com/irj", "https://a.w.example.com/irj" },
	{ IRJ, S, "http://w.example.com/irj", SAME },
	/* on http: what says https stays https, the rest stays http */
	{ IRJ, P, "http://10.1.0.11:50000/irj", P "/irj" },
	{ IRJ, P, "https://10.1.0.12:50001/irj", S "/irj" },
	{ IRJ, P, "https://portal.example.com/irj", S "/irj" },
	{ IRJ, P, "http://portal.example.com/irj", P "/irj" },
	{ IRJ, P, "http://portal.example.com:50000/irj", P "/irj" },
	/* public ports other than the defaults */
	{ IRJ, S8443, "http://10.1.0.11:50000/irj", S8443 "/irj" },
	{ IRJ, S8443, "http://portal.example.com/irj", S8443 "/irj" },
	{ IRJ, S8443, "https://portal.example.com:8443/irj", S8443 "/irj" },
	{ IRJ, S8443, "http://portal.example.com:8443/irj", S8443 "/irj" },
	{ IRJ, P8080, "http://10.1.0.11:50000/irj", P8080 "/irj" },
	{ IRJ, P8080, "http://portal.example.com:8080/irj", P8080 "/irj" },
	{ IRJ, P8080, "https://portal.example.com/irj", S "/irj" },
	/* the other scheme, where its port is none of the defaults, too */
	{ BESIDE, P8080, "https://portal.example.com/irj", S8443 "/irj" },
	{ BESIDE, P8080, "https://portal.example.com:443/irj", S8443 "/irj" },
	{ BESIDE, P8080, "https://portal.example.com:8443/irj", S8443 "/irj" },
	{ BESIDE, P8080, "https://10.1.0.12:50001/irj", S8443 "/irj" },
	{ BESIDE, P8080, "https://secure.intra/irj", S8443 "/irj" },
	{ BESIDE, P8080, "http://10.1.0.11:50000/irj", P8080 "/irj" },
	{ BESIDE, P8080, "//portal.example.com/irj",
	    "//portal.example.com:8080/irj" },
	{ BESIDE, P8080, "/irj/x", SAME },
	{ BESIDE, S8443, "http://portal.example.com/irj", S8443 "/irj" },
	{ BESIDE, S8443, "https://portal.example.com/irj", S8443 "/irj" },
	{ BESIDE, S8443, "//portal.example.com/irj",
	    "//portal.example.com:8443/irj" },
	{ IRJ, V6, "http://[2001:db8:0:0:0:0:0:1]:50000/irj",
	    "https://[2001:db8:0:0:0:0:0:1]/irj" },
	/* scheme-relative */
	{ IRJ, S, "//10.1.0.11:50000/irj", "//portal.example.com/irj" },
	{ IRJ, S8443, "//10.1.0.11:50000/irj",
	    "//portal.example.com:8443/irj" },
	{ IRJ, S, "//other.example.com/irj", SAME },
	{ IRJ, S, "//j2ee-cluster.intra/irj", "//portal.example.com/irj" },
	{ IRJ, S, "//secure.intra/irj", "//portal.example.com/irj" },
	{ IRJ, S, "//secure.intra:80/irj", SAME },
	{ IRJ, S, "https://secure.intra/irj", S "/irj" },
	{ IRJ, S, "http://secure.intra/irj", SAME },
	/* relative references */
	{ IRJ, S, "/irj/portal", SAME },
	{ IRJ, S, "portal", SAME },
	{ IRJ, S, "../x", SAME },
	{ IRJ, S, "?a=b", SAME },
	{ IRJ, S, "#top", SAME },
	/* not ours to touch */
	{ IRJ, S, "http://www.example.org/irj", SAME },
	{ IRJ, S, "http://portal.example.com.evil.org/irj", SAME },
	{ IRJ, S, "http://user@10.1.0.11:50000/irj", SAME },
	{ IRJ, S, "http://10.1.0.11:50000@evil.org/irj", SAME },
	{ IRJ, S, "http://10.1.0.11:50000\\@evil.org/irj", SAME },
	{ IRJ, S, "ftp://10.1.0.11:50000/irj", SAME },
	{ IRJ, S, "mailto:a@portal.example.com", SAME },
	{ IRJ, S, "http:/irj", SAME },
	{ IRJ, S, "http://", SAME },
	{ IRJ, S, "http://10.1.0.11:99999/irj", SAME },
	{ IRJ, S, "http://[fd00::1:8080/irj", SAME },
	/* path mapping, backwards */
	{ REPORTS, S, "http://10.1.0.11:50000/crystal/reports/x?y",
	    S "/reports/x?y" },
	{ REPORTS, S, "http://10.1.0.11:50000/crystal/reports", S "/reports" },
	{ REPORTS, S, "http://10.1.0.11:50000/crystal/reports/",
	    S "/reports/" },
	{ REPORTS, S, "http://10.1.0.11:50000/crystal/reports;jsessionid=1",
	    S "/reports;jsessionid=1" },
	{ REPORTS, S, "http://10.1.0.11:50000/crystal/reports?q",
	    S "/reports?q" },
	{ REPORTS, S, "http://10.1.0.11:50000/crystal/reportsx",
	    S "/crystal/reportsx" },
	{ REPORTS, S, "http://10.1.0.11:50000/crystal/x", S "/crystal/x" },
	{ REPORTS, S, "/crystal/reports/x", "/reports/x" },
	{ REPORTS, S, "/crystal/reports", "/reports" },
	{ REPORTS, S, "/crystal/reports#f", "/reports#f" },
	{ REPORTS, S, "/crystal", SAME },
	{ REPORTS, S, "/other", SAME },
	{ REPORTS, S, "x/y", SAME },
	{ REPORTS, S, "//portal.example.com/crystal/reports/1",
	    "//portal.example.com/reports/1" },
	{ REPORTS, P, "http://portal.example.com/crystal/reports/1",
	    P "/reports/1" },
	{ REPORTS, S8443, "http://10.1.0.11:50000/crystal/reports/1",
	    S8443 "/reports/1" },
	/* another route of the same pool */
	{ REPORTS, S, "http://10.1.0.11:50000/two/x", S "/app2/x" },
	{ IRJ, S, "http://10.1.0.11:50000/crystal/reports/x", S "/reports/x" },
	{ REPORTS, S, "http://evil.org/crystal/reports/x", SAME },
	/* a route for all of the server, and one beside it */
	{ ROOTED, S, "http://10.1.0.11:50000/x", S "/app/x" },
	{ ROOTED, S, "/x?y", "/app/x?y" },
	{ ROOTED, S, "/", "/app/" },
	{ BESIDE, S, "http://10.1.0.11:50000/irj/x", S "/irj/x" },
	{ BESIDE, S, "/irj", SAME },
	{ BESIDE, S, "/irj/x?y", SAME },
	{ BESIDE, S, "/irjx", "/app/irjx" },
	/* a pool for each scheme: the servers of both are ours */
	{ TWIN, S, "http://10.2.0.1:50001/twin", S "/twin" },
	{ TWIN, S, "http://10.2.0.1:50000/twin", S "/twin" },
	{ TWIN, P, "http://10.2.0.1:50000/twin", P "/twin" },
	{ TWIN, P, "https://10.2.0.1:50001/twin", S8443 "/twin" },
	{ TWIN, P, "https://portal.example.com:50001/twin", S8443 "/twin" },
	/* https on another port than usual */
	{ TWIN, P, "https://portal.example.com/twin", S8443 "/twin" },
	{ TWIN, P, "https://portal.example.com:8443/twin", S8443 "/twin" },
	{ TWIN, S8443, "http://portal.example.com/twin", S8443 "/twin" },
	{ TWIN, S, "https://portal.example.com:8443/twin", S "/twin" },
	{ IRJ, P, "https://portal.example.com:8443/irj", SAME },
	{ TWIN, P, "/inner/x", "/plain/x" },
	{ PLAIN, P, "http://10.2.0.1:50000/inner/x", P "/plain/x" },
	/* a server of another pool, where one of its routes covers the path */
	{ TWIN, S8443, "http://10.1.0.11:50000/x?y", S8443 "/app/x?y" },
	{ TWIN, P, "http://10.1.0.11:50000/irj/x", P "/irj/x" },
	{ TWIN, P, "//j2ee-cluster.intra/irj", "//portal.example.com/irj" },
	{ PLAIN, P, "http://10.2.0.1:50001/inner/x", P "/plain/x" },
	{ PLAIN, P, "http://10.1.0.11:50000/x", P "/app/x" },
	{ BESIDE, S, "http://10.2.0.1:50000/inner/x", S "/plain/x" },
	{ BESIDE, S, "http://10.2.0.1:50001/twin", S "/twin" },
	{ BESIDE, S, "http://10.2.0.1:50000/innermost", SAME },
	{ BESIDE, S, "http://10.2.0.1:50002/inner/x", SAME },
};

/*
 * Under /reports -> /crystal/reports, for each of public[].  In what is seen
 * '@' stands for the public URL, '!' for the one on https (a URL that says
 * https stays so), '~' for the public URL without its scheme.
 */
static const struct {
	const char *said;
	const char *seen;
} everywhere[] = {
	{ "http://10.1.0.11:50000/crystal/reports", "@/reports" },
	{ "http://10.1.0.11:50000/crystal/reports/a;j=1?c=/x#d",
	    "@/reports/a;j=1?c=/x#d" },
	{ "http://10.1.0.11:50000", "@" },
	{ "http://j2ee.intra.example.com:8080/crystal/reports", "@/reports" },
	{ "http://j2ee.intra.example.com:8080/crystal/reports/", "@/reports/" },
	{ "http://j2ee.intra.example.com:8080/crystal/reportsx",
	    "@/crystal/reportsx" },
	{ "http://J2EE.INTRA.example.com:8080/crystal/reports", "@/reports" },
	{ "http://J2EE.INTRA.example.com:8080/crystal/reports/a;j=1?c=/x#d",
	    "@/reports/a;j=1?c=/x#d" },
	{ "http://J2EE.INTRA.example.com:8080", "@" },
	{ "http://[fd00::1]:8080/crystal/reports", "@/reports" },
	{ "http://[fd00::1]:8080/crystal/reports/", "@/reports/" },
	{ "http://[fd00::1]:8080/crystal/reportsx", "@/crystal/reportsx" },
	{ "http://j2ee-cluster.intra/crystal/reports", "@/reports" },
	{ "http://j2ee-cluster.intra/crystal/reports/a;j=1?c=/x#d",
	    "@/reports/a;j=1?c=/x#d" },
	{ "http://j2ee-cluster.intra", "@" },
	{ "HTTP://j2ee-cluster.intra:80/crystal/reports", "@/reports" },
	{ "HTTP://j2ee-cluster.intra:80/crystal/reports/", "@/reports/" },
	{ "HTTP://j2ee-cluster.intra:80/crystal/reportsx",
	    "@/crystal/reportsx" },
	{ "http://portal.example.com/crystal/reports", "@/reports" },
	{ "http://portal.example.com/crystal/reports/a;j=1?c=/x#d",
	    "@/reports/a;j=1?c=/x#d" },
	{ "http://portal.example.com", "@" },
	{ "http://portal.example.com:80/crystal/reports", "@/reports" },
	{ "http://portal.example.com:80/crystal/reports/", "@/reports/" },
	{ "http://portal.example.com:80/crystal/reportsx",
	    "@/crystal/reportsx" },
	{ "http://portal.example.com:50000/crystal/reports", "@/reports" },
	{ "http://portal.example.com:50000/crystal/reports/a;j=1?c=/x#d",
	    "@/reports/a;j=1?c=/x#d" },
	{ "http://portal.example.com:50000", "@" },
	{ "https://10.1.0.12:50001/crystal/reports", "!/reports" },
	{ "https://10.1.0.12:50001/crystal/reports/a;j=1?c=/x#d",
	    "!/reports/a;j=1?c=/x#d" },
	{ "https://portal.example.com/crystal/reports", "!/reports" },
	{ "https://portal.example.com/crystal/reports/a;j=1?c=/x#d",
	    "!/reports/a;j=1?c=/x#d" },
	{ "HTTPS://portal.example.com:443/crystal/reports", "!/reports" },
	{ "HTTPS://portal.example.com:443/crystal/reports/a;j=1?c=/x#d",
	    "!/reports/a;j=1?c=/x#d" },
	{ "//10.1.0.11:50000/crystal/reports", "~/reports" },
	{ "//10.1.0.11:50000/crystal/reports/", "~/reports/" },
	{ "//10.1.0.11:50000/crystal/reports/a;j=1?c=/x#d",
	    "~/reports/a;j=1?c=/x#d" },
	{ "//portal.example.com/crystal/reports", "~/reports" },
	{ "//portal.example.com/crystal/reports/", "~/reports/" },
	{ "//portal.example.com/crystal/reports/a;j=1?c=/x#d",
	    "~/reports/a;j=1?c=/x#d" },
	{ "/crystal/reports", "/reports" },
	{ "/crystal/reports/", "/reports/" },
	{ "/crystal/reports/a;j=1?c=/x#d", "/reports/a;j=1?c=/x#d" },
	{ "/crystal/reportsx", SAME },
	{ "/crystal", SAME },
	{ "/", SAME },
	{ "/other?u=http://10.1.0.11:50000/crystal/reports", SAME },
	{ "x", SAME },
	{ "../x", SAME },
	{ "?q", SAME },
	{ "#f", SAME },
	{ "//other.example.com/crystal/reports", SAME },
	{ "http://www.example.org/crystal/reports", SAME },
	{ "https://portal.example.com.evil.org/crystal/reports", SAME },
	{ "http://ann@10.1.0.11:50000/crystal/reports", SAME },
	{ "http://10.1.0.11:50000@evil.org/crystal/reports", SAME },
	{ "http://10.1.0.11:50002/crystal/reports", SAME },
	{ "http://10.1.0.1:50000/crystal/reports", SAME },
	{ "http://portal.example.com:9999/crystal/reports", SAME },
	{ "ftp://10.1.0.11:50000/crystal/reports", SAME },
	{ "mailto:a@portal.example.com", SAME },
	{ "http:/crystal/reports", SAME },
	{ "http://10.1.0.11:50000/two/x", "@/app2/x" },
};

static const struct {
	const char *url;
	const char *on_https;
} public[] = { { P, S }, { S, S }, { P8080, S }, { S8443, S8443 } };

/* "https://h:p" into facts and Host */
static const char *
request_of(const char *request, struct client_facts *who)
{
	*who = (struct client_facts){ .https = request[4] == 's' };
	return strstr(request, "//") + 2;
}

static void
urls_are_mapped_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		const struct url_case *c = &urls[i];
		const char *want = c->seen == SAME ? c->said : c->seen;
		struct client_facts who;
		const char *host = request_of(c->request, &who);
		struct mapping m = fixture_mapping(c->route, &who, host);
		struct arena a;
		struct slice got;

		arena_init(&a, 65536);
		got = response_rules_url(&m, slice_of(c->said), &a);
		if (!slice_eq(got, slice_of(want)))
			fail_msg("%s: %s: got %.*s, want %s", c->request,
			    c->said, SLICE_FMT(got), want);
		arena_fini(&a);
	}
}

static struct slice
expected(size_t i, size_t k, struct arena *a)
{
	const char *seen = everywhere[i].seen;
	const char *url = public[k].url;

	if (seen == SAME)
		return slice_of(everywhere[i].said);
	if (seen[0] == '!')
		url = public[k].on_https;
	else if (seen[0] == '~')
		url = strstr(url, "//");
	else if (seen[0] != '@')
		return slice_of(seen);
	return arena_printf(a, "%s%s", url, seen + 1);
}

static void
urls_are_mapped_alike_on_both_schemes_and_all_ports(void **state)
{
	size_t n = ARRAY_LEN(public) * ARRAY_LEN(everywhere);

	(void)state;
	for (size_t k = 0; k < n; k++) {
		size_t at = k % ARRAY_LEN(public), i = k / ARRAY_LEN(public);
		struct client_facts who;
		const char *host = request_of(public[at].url, &who);
		struct mapping m = fixture_mapping(REPORTS, &who, host);
		struct slice got, want;
		struct arena a;

		arena_init(&a, 65536);
		want = expected(i, at, &a);
		got = response_rules_url(&m, slice_of(everywhere[i].said), &a);
		if (!slice_eq(got, want))
			fail_msg("%s: %s: got %.*s, want %.*s", public[at].url,
			    everywhere[i].said, SLICE_FMT(got),
			    SLICE_FMT(want));
		arena_fini(&a);
	}
}

static void
location_and_content_location_are_mapped_and_nothing_else(void **state)
{
	struct client_facts who = { .https = true };
	struct mapping m = fixture_mapping(IRJ, &who, "portal.example.com");
	struct slice inner = SLICE("http://10.1.0.11:50000/irj");
	struct fields f = { 0 };
	struct arena a;

	(void)state;
	arena_init(&a, 65536);
	assert_true(fields_add(&f, SLICE("Location"), inner));
	assert_true(fields_add(&f, SLICE("Content-Location"), inner));
	assert_true(fields_add(&f, SLICE("X-Other"), inner));
	assert_true(response_rules_apply(&f, &m, &a));
	assert_true(slice_eq(f.v[0].value, SLICE(S "/irj")));
	assert_true(slice_eq(f.v[1].value, SLICE(S "/irj")));
	assert_true(slice_eq(f.v[2].value, inner));
	fields_fini(&f);
	arena_fini(&a);
}

static void
a_site_without_tls_sends_nobody_to_it_for_an_https_server(void **state)
{
	struct site_conf plain = fixture_site;
	struct client_facts who = { .https = false };
	struct mapping m = fixture_mapping(IRJ, &who, "portal.example.com");
	struct arena a;

	(void)state;
	plain.tls.present = false;
	m.site = &plain;
	arena_init(&a, 65536);
	assert_true(slice_eq(
	    response_rules_url(&m, SLICE("https://10.1.0.12:50001/irj"), &a),
	    SLICE(P "/irj")));
	/* TLS may be spoken in front of us: what is not said of a server */
	assert_true(slice_eq(
	    response_rules_url(&m, SLICE("https://secure.intra/irj"), &a),
	    SLICE(S "/irj")));
	assert_true(slice_eq(
	    response_rules_url(&m, SLICE("https://portal.example.com/irj"), &a),
	    SLICE(S "/irj")));
	arena_fini(&a);
}

static void
short_memory_is_reported(void **state)
{
	struct client_facts who = { .https = true };
	struct mapping m = fixture_mapping(IRJ, &who, "portal.example.com");
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	assert_null(
	    response_rules_url(&m, SLICE("http://10.1.0.11:50000/irj"), &a).p);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_mapped_as_the_table_says),
		cmocka_unit_test(
		    urls_are_mapped_alike_on_both_schemes_and_all_ports),
		cmocka_unit_test(
		    location_and_content_location_are_mapped_and_nothing_else),
		cmocka_unit_test(
		    a_site_without_tls_sends_nobody_to_it_for_an_https_server),
		cmocka_unit_test(short_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
