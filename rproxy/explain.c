/*
 * What becomes of a URL.  Runs in a process of its own that ends with it.
 *
 * The request is made as a client would make it and goes through the same
 * functions as in a worker, so that this says what happens and not what
 * somebody once thought would happen.  The client is made up: 192.0.2.1, with
 * TLS 1.3 on https, with the URL's name in the handshake, and with a
 * certificate where the site asks for one.
 */
#include "rproxy/explain.h"

#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/site_names.h"
#include "rproxy/http/h1_read.h"
#include "rproxy/http/h1_write.h"
#include "rproxy/request_fields.h"
#include "rproxy/request_rules.h"
#include "rproxy/rewrite/claims.h"
#include "rproxy/rewrite/cookies.h"
#include "rproxy/rewrite/response_rules.h"
#include "rproxy/route/rules.h"

#define EXIT_USAGE 2
#define TEXT_MAX (64 * 1024)

struct explained {
	struct request_head head;
	struct request_plan plan;
	struct arena arena;
	struct slice server_name; /* that a browser sends for the URL */
	struct proxy_v2 tls;
	struct client_facts who;
};

static const struct h1_limits limits = {
	.max_line_bytes = TEXT_MAX,
	.max_field_bytes = TEXT_MAX,
	.max_headers_bytes = TEXT_MAX,
	.max_headers = 10,
};

/* a made-up client --------------------------------------------------------- */

static void
make_client(struct explained *e, bool https)
{
	e->tls = (struct proxy_v2){
		.has_ssl = true,
		.authority = e->server_name,
		.client = PROXY_V2_CLIENT_SSL,
		.version = SLICE("TLSv1.3"),
		.cipher = SLICE("TLS_AES_256_GCM_SHA384"),
		.cipher_bits = 256,
		.session_id = SLICE("00"),
		.cert = SLICE("\x30\x03\x02\x01\x05"),
		.verify_text = SLICE("ok"),
	};
	e->who = (struct client_facts){
		.https = https,
		.addr_text = SLICE("192.0.2.1"),
		.tls = https ? &e->tls : NULL,
		.cert_verified = https,
	};
	CHECK(addr_parse_ip(e->who.addr_text, 40000, &e->who.addr));
}

/* A site that asks nobody for a certificate gets none. */
static void
forget_certificate(struct explained *e, const struct site_conf *site)
{
	if (site->tls.client_verify != CLIENT_VERIFY_NONE)
		return;
	e->who.cert_verified = false;
	e->tls.cert = SLICE_NONE;
}

/* None for an address (RFC 6066 section 3): tlsd takes the default site. */
static struct slice
server_name_of(struct slice authority)
{
	struct authority at;
	struct addr ignored;

	if (!authority_parse(authority, &at) ||
	    addr_parse_ip(at.host, 0, &ignored))
		return SLICE_NONE;
	return at.host;
}

static bool
make_request(struct explained *e, const char *url)
{
	struct slice text = slice_of(url);
	struct h1_scan scan = { 0 };
	struct target t;
	enum reason why;
	size_t used;
	size_t path;

	if (target_parse(text, METHOD_GET, &t) != REASON_OK ||
	    t.form != TARGET_ABSOLUTE)
		return false;
	e->server_name = server_name_of(t.authority);
	path = (size_t)(t.authority.p - url) + t.authority.len;
	text = slice_from(text, path);
	text =
	    arena_printf(&e->arena, "GET %s%.*s HTTP/1.1\r\nHost: %.*s\r\n\r\n",
		text.len > 0 && text.p[0] == '/' ? "" : "/", SLICE_FMT(text),
		SLICE_FMT(t.authority));
	return text.p != NULL && h1_read_request(&scan, text, &limits, &e->head,
				     &used, &why) == H1_DONE;
}

/* lines -------------------------------------------------------------------- */

static void
line(const char *what, struct slice text)
{
	printf("%-10s %.*s\n", what, SLICE_FMT(text));
}

static void
print_site(const struct site_conf *site)
{
	printf("%-10s %s (%s)\n", "site", site->name, site->file);
}

static void
print_rule(const struct rule_conf *rule)
{
	if (rule != NULL)
		printf("%-10s %s:%u: %s%s -> %s\n", "rule", rule->at.file,
		    rule->at.line, rule->is_pattern ? "~" : "", rule->from,
		    rule->to);
}

static void
print_route(const struct request_plan *p)
{
	const struct route_conf *r = p->route;

	printf("%-10s %s (line %u): prefix %.*s%s%s\n", "route", r->name,
	    r->at.line, SLICE_FMT(p->prefix), r->to != NULL ? ", to " : "",
	    r->to != NULL ? r->to : "");
}

static const char *
sticky_word(enum sticky_mode mode)
{
	switch (mode) {
	case STICKY_AUTO:
	case STICKY_NONE:
		break;
	case STICKY_COOKIE:
		return ", sticky by a cookie of ours";
	case STICKY_APP:
		return ", sticky by the server's own cookie";
	}
	return "";
}

static void
print_pool(const struct pool_conf *pool)
{
	printf("%-10s %s (line %u)%s\n", "pool", pool->name, pool->at.line,
	    sticky_word(pool->sticky));
	for (size_t i = 0; i < pool->n_server; i++) {
		const struct server_conf *s = &pool->server[i];
		bool v6 = strchr(s->host, ':') != NULL;

		printf("%-10s %s://%s%s%s:%u%s%s weight=%u%s\n", "server",
		    s->https ? "https" : "http", v6 ? "[" : "", s->host,
		    v6 ? "]" : "", (unsigned)s->port,
		    s->id != NULL ? " id=" : "", s->id != NULL ? s->id : "",
		    s->weight, s->https ? ", through tlsd" : "");
	}
}

static void
print_removed(const struct http_conf *http)
{
	const char *name;
	bool is_prefix;

	printf("%-10s", "removes");
	for (size_t i = 0; claims_at(i, &name, &is_prefix); i++)
		printf(" %s%s", name, is_prefix ? "*" : "");
	for (size_t i = 0; i < http->strip_header.n; i++)
		printf(" %s", http->strip_header.v[i]);
	for (size_t i = 0; i < http->trust_header.n; i++)
		printf(" %s", http->trust_header.v[i]);
	for (size_t i = 0; i < http->request_header_remove.n; i++)
		printf(" %s", http->request_header_remove.v[i].name);
	printf("\n");
}

static void
print_fields(const struct explained *e)
{
	const struct fields *f = &e->head.fields;

	if (e->plan.site->http.preserve_host)
		printf("%-10s Host: %.*s\n", "sends", SLICE_FMT(e->plan.host));
	else
		printf("%-10s Host: the server's own\n", "sends");
	for (unsigned i = 0; i < f->n; i++)
		if (!f->v[i].drop)
			printf("%-10s %.*s: %.*s\n", "sends",
			    SLICE_FMT(f->v[i].name), SLICE_FMT(f->v[i].value));
}

/* One URL that a server may say, and what the client sees. */
static void
print_mapped(
    struct explained *e, const struct mapping *m, const struct server_conf *s)
{
	bool v6 = strchr(s->host, ':') != NULL;
	struct slice said = arena_printf(&e->arena, "%s://%s%s%s:%u%.*s",
	    s->https ? "https" : "http", v6 ? "[" : "", s->host, v6 ? "]" : "",
	    (unsigned)s->port, SLICE_FMT(e->plan.path));
	struct slice seen = SLICE_NONE;

	if (said.p != NULL)
		seen = response_rules_url(m, said, &e->arena);
	printf("%-10s Location: %.*s -> %.*s\n", "maps", SLICE_FMT(said),
	    SLICE_FMT(seen));
}

static void
print_reverse(struct explained *e)
{
	const struct request_plan *p = &e->plan;
	const struct mapping m = {
		.site = p->site,
		.route = p->route,
		.prefix = p->prefix,
		.who = &e->who,
		.host = p->host,
	};
	struct slice said = arena_printf(&e->arena, "x=y; Path=%s",
	    p->route->to != NULL ? p->route->to : p->route->prefix.v[0]);
	struct slice seen = SLICE_NONE;

	for (size_t i = 0; i < p->pool->n_server; i++)
		print_mapped(e, &m, &p->pool->server[i]);
	if (said.p != NULL)
		seen = cookies_rewrite(&m, said, &e->arena);
	printf("%-10s Set-Cookie: %.*s -> %.*s\n", "maps", SLICE_FMT(said),
	    SLICE_FMT(seen));
}

/* outcomes ----------------------------------------------------------------- */

/* The line that closes the path, under either reading of it. */
static void
print_denial(const struct request_plan *p)
{
	const struct string_list *deny = &p->site->http.deny;
	size_t i = rules_find_deny(&p->site->http, p->normal_path);

	if (i == deny->n)
		i = rules_find_deny(&p->site->http, p->split_path);
	if (i < deny->n)
		printf("%-10s %s:%u: deny = %s\n", "rule", deny->at[i].file,
		    deny->at[i].line, deny->v[i]);
	else
		printf("%-10s no allow of this site covers it\n", "rule");
}

static int
print_refusal(const struct request_plan *p)
{
	if (p->why == REASON_DENIED)
		print_denial(p);
	printf("%-10s %u %s: %s\n", "refused", reason_status(p->why),
	    reason_name(p->why), reason_text(p->why));
	return 1;
}

static int
print_redirect(const struct request_plan *p)
{
	printf("%-10s %u %.*s\n", "answer", p->status,
	    SLICE_FMT(h1_phrase(p->status)));
	printf("%-10s Location: %.*s\n", "", SLICE_FMT(p->location));
	return 0;
}

static int
print_forward(struct explained *e)
{
	struct request_plan *p = &e->plan;
	struct slice request;

	if (request_fields_rewrite(&e->head, p, &e->who, &e->arena) !=
	    REASON_OK)
		return 1;
	print_pool(p->pool);
	request =
	    arena_printf(&e->arena, "GET %.*s HTTP/1.1", SLICE_FMT(p->path));
	line("request", request);
	print_removed(&p->site->http);
	print_fields(e);
	print_reverse(e);
	return 0;
}

static int
print_outcome(struct explained *e)
{
	struct request_plan *p = &e->plan;

	if (p->site != NULL)
		print_site(p->site);
	print_rule(p->rule);
	if (p->route != NULL)
		print_route(p);
	switch (p->action) {
	case REQUEST_REFUSE:
	case REQUEST_OPTIONS: /* a GET never is */
		break;
	case REQUEST_REDIRECT:
		return print_redirect(p);
	case REQUEST_FORWARD:
		return print_forward(e);
	}
	return print_refusal(p);
}

static int
explain_request(
    struct explained *e, const struct site_names *names, const char *url)
{
	make_client(
	    e, slice_starts_with_nocase(slice_of(url), SLICE("https://")));
	request_rules_plan(&e->head, &e->who, names, &e->arena, &e->plan);
	if (e->plan.site != NULL) {
		forget_certificate(e, e->plan.site);
		request_rules_plan(
		    &e->head, &e->who, names, &e->arena, &e->plan);
	}
	return print_outcome(e);
}

int
explain(const struct rproxy_config *c, const char *url)
{
	static struct explained e;
	struct site_names *names = site_names_new(&c->sites);
	int status = EXIT_USAGE;

	arena_init(&e.arena, (size_t)16 * TEXT_MAX);
	if (make_request(&e, url))
		status = explain_request(&e, names, url);
	else
		fprintf(stderr,
		    "%s: not a URL, write http(s)://HOST[:PORT]/PATH\n", url);
	fields_fini(&e.head.fields);
	arena_fini(&e.arena);
	site_names_free(names);
	return status;
}
