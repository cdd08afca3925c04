/*
 * Which server a request asks for, in the form of each application server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/upstream/sticky.h"

static struct server_conf servers[] = {
	{ .host = "10.0.0.1", .port = 80, .id = "J2EE6500" },
	{ .host = "10.0.0.2", .port = 80, .id = "worker.2" },
	{ .host = "10.0.0.3", .port = 80, .id = "host_SID_01" },
	{ .host = "10.0.0.4", .port = 80, .id = "-1234" },
	{ .host = "10.0.0.5", .port = 80, .id = "n1.portal.example.com" },
};

struct sticky_case {
	enum app_kind app;
	const char *target;
	const char *cookie; /* NULL: none */
	const char *want;   /* numbers of servers, in order */
};

static const struct sticky_case cases[] = {
	/* Tomcat, WildFly, Jetty: behind a dot */
	{ APP_TOMCAT, "/", NULL, "" },
	{ APP_TOMCAT, "/", "JSESSIONID=abc.J2EE6500", "0" },
	{ APP_WILDFLY, "/", "a=b; JSESSIONID=abc.J2EE6500; c=d", "0" },
	{ APP_JETTY, "/", "JSESSIONID=\"node0x.J2EE6500\"", "0" },
	{ APP_TOMCAT, "/", "JSESSIONID=a.b.J2EE6500", "0" },
	{ APP_TOMCAT, "/", "JSESSIONID=abc.n1.portal.example.com", "4" },
	{ APP_TOMCAT, "/", "JSESSIONID=a.b.n1.portal.example.com", "4" },
	{ APP_TOMCAT, "/", "JSESSIONID=abc.n2.portal.example.com", "" },
	{ APP_TOMCAT, "/", "JSESSIONID=abc.J2EE6500.gone", "" },
	{ APP_TOMCAT, "/", "JSESSIONID=abc", "" },
	{ APP_TOMCAT, "/", "JSESSIONID=abc.", "" },
	{ APP_TOMCAT, "/", "JSESSIONID=J2EE6500", "" },
	{ APP_TOMCAT, "/", "JSESSIONID=abc.unknown", "" },
	{ APP_TOMCAT, "/", "JSESSIONID=abc.j2ee6500", "" },
	{ APP_TOMCAT, "/", "jsessionid=abc.J2EE6500", "" },
	{ APP_TOMCAT, "/", "XJSESSIONID=abc.J2EE6500", "" },
	{ APP_TOMCAT, "/", "JSESSIONID", "" },
	/* several cookies of one name: each until one is known */
	{ APP_TOMCAT, "/", "JSESSIONID=a.gone; JSESSIONID=b.-1234", "3" },
	{ APP_TOMCAT, "/", "JSESSIONID=a.-1234; JSESSIONID=b.J2EE6500", "30" },
	{ APP_TOMCAT, "/", "JSESSIONID=a.-1234; JSESSIONID=b.-1234", "3" },
	/* the path comes before the cookie */
	{ APP_TOMCAT, "/a;jsessionid=x.-1234", NULL, "3" },
	{ APP_TOMCAT, "/a;JSESSIONID=x.-1234?b", NULL, "3" },
	{ APP_TOMCAT, "/a;b=c;jsessionid=x.-1234/d", NULL, "3" },
	{ APP_TOMCAT, "/a;jsessionid=x%2e-1234", NULL, "3" },
	{ APP_TOMCAT, "/a;jsessionid=x.-1234", "JSESSIONID=y.J2EE6500", "30" },
	{ APP_TOMCAT, "/a?b;jsessionid=x.-1234", NULL, "" },
	{ APP_TOMCAT, "/jsessionid=x.-1234", NULL, "" },
	/* WebLogic: first and second behind '!' */
	{ APP_WEBLOGIC, "/", "JSESSIONID=abc!-1234!5678", "3" },
	{ APP_WEBLOGIC, "/", "JSESSIONID=abc!99!-1234!1300", "3" },
	{ APP_WEBLOGIC, "/", "JSESSIONID=abc!-1234!J2EE6500", "30" },
	{ APP_WEBLOGIC, "/", "JSESSIONID=abc!-1234!NONE", "3" },
	{ APP_WEBLOGIC, "/", "JSESSIONID=-1234", "" },
	/* WebSphere: every clone behind ':' */
	{ APP_WEBSPHERE, "/", "JSESSIONID=0000abc:J2EE6500", "0" },
	{ APP_WEBSPHERE, "/", "JSESSIONID=0000abc:gone:-1234", "3" },
	{ APP_WEBSPHERE, "/", "JSESSIONID=0000abc:-1234:J2EE6500", "30" },
	{ APP_WEBSPHERE, "/", "JSESSIONID=0000abc", "" },
	/* SAP Java: the instance in parentheses, in any group */
	{ APP_SAP_JAVA, "/", "saplb_*=(J2EE6500)6500150", "0" },
	{ APP_SAP_JAVA, "/", "saplb_*=(J2EE6500)", "0" },
	{ APP_SAP_JAVA, "/", "saplb_PORTAL=(J2EE6500)1", "0" },
	{ APP_SAP_JAVA, "/", "saplb_*=J2EE6500", "" },
	{ APP_SAP_JAVA, "/", "saplb_*=(J2EE6500", "" },
	{ APP_SAP_JAVA, "/", "JSESSIONID=(J2EE6500)ID1DB2End", "" },
	{ APP_SAP_JAVA, "/irj;saplb_*=(J2EE6500)6500150/x", NULL, "0" },
	{ APP_SAP_JAVA, "/irj;saplb_*=%28J2EE6500%29", NULL, "0" },
	/* SAP ABAP: the third part, escaped */
	{ APP_SAP_ABAP, "/", "sap-contextid=SID%3aANON%3ahost_SID_01%3aabc-ATT",
	    "2" },
	{ APP_SAP_ABAP, "/", "sap-contextid=SID:ANON:host_SID_01:abc", "2" },
	{ APP_SAP_ABAP, "/", "sap-contextid=SID%3aANON", "" },
	{ APP_SAP_ABAP, "/", "sap-contextid=%zz%3a%3", "" },
	/* no form of its own */
	{ APP_RFC, "/", "JSESSIONID=abc.J2EE6500", "" },
	{ APP_NONE, "/", "JSESSIONID=abc.J2EE6500", "" },
};

static void
read_as_text(const struct pool_conf *pool, enum app_kind app,
    const char *target, const char *cookie, char out[STICKY_WISHES + 1])
{
	struct sticky_wishes w;
	struct fields f = { 0 };

	if (cookie != NULL)
		assert_true(fields_add(&f, SLICE("Cookie"), slice_of(cookie)));
	sticky_read(pool, app, slice_of(target), &f, &w);
	for (unsigned i = 0; i < w.n; i++)
		out[i] = (char)('0' + w.server[i]);
	out[w.n] = '\0';
	fields_fini(&f);
}

static void
each_server_writes_its_id_in_its_own_way(void **state)
{
	const struct pool_conf pool = { .server = servers,
		.n_server = ARRAY_LEN(servers),
		.sticky = STICKY_APP };
	char got[STICKY_WISHES + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct sticky_case *c = &cases[i];

		read_as_text(&pool, c->app, c->target, c->cookie, got);
		if (strcmp(got, c->want) != 0)
			fail_msg("%s %s: got \"%s\", want \"%s\"", c->target,
			    c->cookie != NULL ? c->cookie : "-", got, c->want);
	}
}

static void
another_name_may_be_given_to_the_cookie(void **state)
{
	struct pool_conf pool = { .server = servers,
		.n_server = ARRAY_LEN(servers),
		.sticky = STICKY_APP,
		.sticky_cookie = "saplb_PORTAL" };
	char got[STICKY_WISHES + 1];

	(void)state;
	read_as_text(&pool, APP_SAP_JAVA, "/",
	    "saplb_*=(-1234)1; saplb_PORTAL=(J2EE6500)1", got);
	assert_string_equal(got, "0");
	pool.sticky_cookie = "SHOPID";
	read_as_text(&pool, APP_TOMCAT, "/a;shopid=x.-1234",
	    "JSESSIONID=a.J2EE6500; SHOPID=b.worker.2", got);
	assert_string_equal(got, "31");
}

static void
one_server_or_no_stickiness_has_no_wishes(void **state)
{
	struct pool_conf pool = {
		.server = servers, .n_server = 1, .sticky = STICKY_APP
	};
	char got[STICKY_WISHES + 1];

	(void)state;
	read_as_text(&pool, APP_TOMCAT, "/", "JSESSIONID=a.J2EE6500", got);
	assert_string_equal(got, "");
	pool.n_server = ARRAY_LEN(servers);
	pool.sticky = STICKY_NONE;
	read_as_text(&pool, APP_TOMCAT, "/", "JSESSIONID=a.J2EE6500", got);
	assert_string_equal(got, "");
}

/* A stranger can put megabytes there; nobody's id is that long. */
static void
values_of_any_length_are_survived(void **state)
{
	const struct pool_conf pool = { .server = servers,
		.n_server = ARRAY_LEN(servers),
		.sticky = STICKY_APP };
	char cookie[2000] = "JSESSIONID=", got[STICKY_WISHES + 1];

	(void)state;
	memset(cookie + 11, '%', 1900);
	strcpy(cookie + 1911, ".-1234");
	read_as_text(&pool, APP_TOMCAT, "/", cookie, got);
	assert_string_equal(got, "");
	memset(cookie + 11, '!', 500);
	cookie[511] = '\0';
	read_as_text(&pool, APP_WEBLOGIC, "/", cookie, got);
	assert_string_equal(got, "");
}

/* "NAME=VALUE" of a Set-Cookie value, as a browser sends it back */
static void
cookie_of(const struct pool_conf *pool, unsigned server, char out[64])
{
	struct arena a;
	struct slice set;

	arena_init(&a, 4096);
	set = sticky_cookie(pool, server, true, SLICE_NONE, &a);
	set = slice_first(set, slice_find(set, ';'));
	(void)snprintf(out, 64, "%.*s", SLICE_FMT(set));
	arena_fini(&a);
}

static void
a_cookie_of_ours_leads_back_to_its_server(void **state)
{
	const struct pool_conf pool = { .server = servers,
		.n_server = ARRAY_LEN(servers),
		.sticky = STICKY_COOKIE,
		.sticky_key = "some secret" };
	struct pool_conf other = pool;
	char cookie[64], got[STICKY_WISHES + 1];

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(servers); i++) {
		cookie_of(&pool, i, cookie);
		assert_non_null(strstr(cookie, "ROUTEID="));
		assert_null(strstr(cookie, servers[i].id));
		read_as_text(&pool, APP_NONE, "/", cookie, got);
		assert_int_equal(got[0], '0' + (int)i);
		assert_int_equal(got[1], '\0');
		other.sticky_key = "another";
		read_as_text(&other, APP_NONE, "/", cookie, got);
		assert_string_equal(got, "");
	}
}

static void
a_cookie_of_ours_has_the_attributes_it_is_given(void **state)
{
	const struct pool_conf pool = { .server = servers,
		.n_server = ARRAY_LEN(servers),
		.sticky = STICKY_COOKIE,
		.sticky_cookie = "S" };
	struct arena a;
	struct slice set;

	(void)state;
	arena_init(&a, 4096);
	set = sticky_cookie(&pool, 0, true, SLICE("; SameSite=None"), &a);
	assert_true(slice_starts_with(set, SLICE("S=")));
	assert_true(slice_ends_with_nocase(
	    set, SLICE("; Path=/; HttpOnly; Secure; SameSite=None")));
	set = sticky_cookie(&pool, 0, false, SLICE_NONE, &a);
	assert_true(slice_ends_with_nocase(set, SLICE("; Path=/; HttpOnly")));
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_server_writes_its_id_in_its_own_way),
		cmocka_unit_test(another_name_may_be_given_to_the_cookie),
		cmocka_unit_test(one_server_or_no_stickiness_has_no_wishes),
		cmocka_unit_test(values_of_any_length_are_survived),
		cmocka_unit_test(a_cookie_of_ours_leads_back_to_its_server),
		cmocka_unit_test(
		    a_cookie_of_ours_has_the_attributes_it_is_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
