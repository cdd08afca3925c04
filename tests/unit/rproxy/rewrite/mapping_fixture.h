/*
 * The site that the tables of response_rules_test and cookies_test speak of:
 *
 *	portal.example.com, *.w.example.com
 *	/irj     -> the pool, as is
 *	/reports -> the same pool's /crystal/reports
 *	/app2    -> the same pool's /two
 *	pool: http://10.1.0.11:50000 http://J2EE.intra.example.com:8080
 *	      https://10.1.0.12:50001 http://[fd00::1]:8080
 *	      alias http://j2ee-cluster.intra:80 https://secure.intra:443
 *
 * and another one with the same names and the same pool, https on port 8443:
 *
 *	/app     -> the pool's /
 *	/irj     -> the pool, as is
 *	/twin    -> http://10.2.0.1:50000 for http, :50001 for https
 *	/plain   -> http://10.2.0.1:50000, its /inner; not on https
 */
#ifndef TESTS_MAPPING_FIXTURE_H
#define TESTS_MAPPING_FIXTURE_H

#include "rproxy/rewrite/response_rules.h"

static struct server_conf fixture_servers[] = {
	{ .https = false, .host = "10.1.0.11", .port = 50000 },
	{ .https = false, .host = "j2ee.intra.example.com", .port = 8080 },
	{ .https = true, .host = "10.1.0.12", .port = 50001 },
	{ .https = false, .host = "fd00::1", .port = 8080 },
};
static struct authority_conf fixture_aliases[] = {
	{ .https = false, .host = "j2ee-cluster.intra", .port = 80 },
	{ .https = true, .host = "secure.intra", .port = 443 },
};
static struct pool_conf fixture_pool = {
	.name = "j2ee",
	.server = fixture_servers,
	.n_server = 4,
	.alias = fixture_aliases,
	.n_alias = 2,
};
static struct server_conf fixture_twin_http[] = {
	{ .https = false, .host = "10.2.0.1", .port = 50000 },
};
static struct server_conf fixture_twin_https[] = {
	{ .https = false, .host = "10.2.0.1", .port = 50001 },
};
static struct pool_conf fixture_twins[] = {
	{ .name = "twin-http", .server = fixture_twin_http, .n_server = 1 },
	{ .name = "twin-https", .server = fixture_twin_https, .n_server = 1 },
};
static char *fixture_names[] = { "portal.example.com", "*.w.example.com" };
static char *fixture_irj[] = { "/irj", "/logon" };
static char *fixture_reports[] = { "/reports" };
static char *fixture_app2[] = { "/app2" };
static char *fixture_app[] = { "/app" };
static char *fixture_twin[] = { "/twin" };
static char *fixture_plain[] = { "/plain" };
static struct route_conf fixture_routes[] = {
	{ .name = "portal",
	    .prefix = { .v = fixture_irj, .n = 2 },
	    .pool_http = &fixture_pool,
	    .pool_https = &fixture_pool },
	{ .name = "reports",
	    .prefix = { .v = fixture_reports, .n = 1 },
	    .to = "/crystal/reports",
	    .pool_http = &fixture_pool,
	    .pool_https = &fixture_pool },
	{ .name = "app2",
	    .prefix = { .v = fixture_app2, .n = 1 },
	    .to = "/two",
	    .pool_http = &fixture_pool,
	    .pool_https = &fixture_pool },
};
static struct route_conf fixture_rooted[] = {
	{ .name = "app",
	    .prefix = { .v = fixture_app, .n = 1 },
	    .to = "/",
	    .pool_http = &fixture_pool,
	    .pool_https = &fixture_pool },
	{ .name = "beside",
	    .prefix = { .v = fixture_irj, .n = 1 },
	    .pool_http = &fixture_pool,
	    .pool_https = &fixture_pool },
	{ .name = "twin",
	    .prefix = { .v = fixture_twin, .n = 1 },
	    .pool_http = &fixture_twins[0],
	    .pool_https = &fixture_twins[1] },
	{ .name = "plain",
	    .prefix = { .v = fixture_plain, .n = 1 },
	    .to = "/inner",
	    .pool_http = &fixture_twins[0] },
};
static struct site_conf fixture_site = {
	.name = "portal.example.com",
	.names = { .v = fixture_names, .n = 2 },
	.tls = { .present = true },
	.http = { .https_port = 443 },
	.route = fixture_routes,
	.n_route = 3,
};
static struct site_conf fixture_rooted_site = {
	.name = "portal.example.com",
	.names = { .v = fixture_names, .n = 2 },
	.tls = { .present = true },
	.http = { .https_port = 8443 },
	.route = fixture_rooted,
	.n_route = 4,
};

enum fixture_route {
	IRJ,
	REPORTS,
	ROOTED, /* /app of the other site */
	BESIDE, /* its /irj */
	TWIN,   /* its /twin */
	PLAIN,  /* its /plain */
};

static const struct {
	struct site_conf *site;
	struct route_conf *route;
	struct slice prefix;
} fixture_of[] = {
	[IRJ] = { &fixture_site, &fixture_routes[0], { "/irj", 4 } },
	[REPORTS] = { &fixture_site, &fixture_routes[1], { "/reports", 8 } },
	[ROOTED] = { &fixture_rooted_site, &fixture_rooted[0], { "/app", 4 } },
	[BESIDE] = { &fixture_rooted_site, &fixture_rooted[1], { "/irj", 4 } },
	[TWIN] = { &fixture_rooted_site, &fixture_rooted[2], { "/twin", 5 } },
	[PLAIN] = { &fixture_rooted_site, &fixture_rooted[3], { "/plain", 6 } },
};

/* https: the client's scheme; host: what it put into Host */
static inline struct mapping
fixture_mapping(
    enum fixture_route route, const struct client_facts *who, const char *host)
{
	return (struct mapping){
		.site = fixture_of[route].site,
		.route = fixture_of[route].route,
		.prefix = fixture_of[route].prefix,
		.who = who,
		.host = slice_of(host),
	};
}

#endif
