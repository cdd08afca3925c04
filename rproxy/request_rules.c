/*
 * The order in which a request is judged.  Pure; runs in the worker.
 *
 *	framing -> Connection -> target -> Host -> Expect -> site, SNI
 *	        -> OPTIONS -> https_redirect -> root_redirect
 *	        -> deny, allow -> redirect -> rewrite (-> deny, allow again)
 *	        -> route -> TLS, certificate -> loop -> body size -> Upgrade
 *	        -> path for the server -> Destination
 *
 * Framing first: until it is known where the request ends nothing else about
 * it can be trusted, and the connection cannot be used again.  RFC 9112
 * sections 3.2 and 6.3, RFC 9110 sections 7.6 and 10.1.1.
 */
#include <string.h>

#include "common/check.h"
#include "rproxy/http/field_values.h"
#include "rproxy/request_destination.h"
#include "rproxy/request_options.h"
#include "rproxy/request_path.h"
#include "rproxy/request_redirect.h"
#include "rproxy/request_rules.h"
#include "rproxy/request_tls.h"
#include "rproxy/request_upgrade.h"
#include "rproxy/rewrite/via.h"
#include "rproxy/route/prefix.h"
#include "rproxy/route/rules.h"

/*
 * An HTTP/1.0 client cannot mean it (RFC 9110 section 10.1.1); of the others
 * there is one expectation that we know.
 */
static enum reason
check_expect(struct request_head *r)
{
	struct field *e = fields_first(&r->fields, FIELD_EXPECT);

	if (e == NULL)
		return REASON_OK;
	if (r->minor == 0) {
		fields_drop(&r->fields, FIELD_EXPECT);
		return REASON_OK;
	}
	if (fields_next(&r->fields, e) != NULL ||
	    !slice_eq_nocase(e->value, SLICE("100-continue")))
		return REASON_EXPECTATION;
	return REASON_OK;
}

/* The message itself, before anybody's configuration matters. */
static enum reason
check_message(struct request_head *r, struct request_plan *p)
{
	enum reason why = framing_of_request(r, &p->framing);

	if (why != REASON_OK)
		return why;
	p->is_framed = true;
	why = hop_by_hop_remove(&r->fields, &p->hop);
	if (why == REASON_OK && r->method_id == METHOD_TRACE)
		why = REASON_METHOD_REFUSED;
	if (why == REASON_OK)
		why = target_parse(r->target, r->method_id, &p->target);
	if (why == REASON_OK)
		why = target_host(r, &p->target, &p->host, &p->authority);
	if (why == REASON_OK)
		why = check_expect(r);
	return why;
}

/* routes ------------------------------------------------------------------- */

/* p->target.path as a server reads it, if it may be asked for at all. */
static enum reason
look_at_path(struct request_plan *p, struct arena *a)
{
	enum reason why = request_path_read(p, a);

	return why == REASON_OK ? request_path_check_rules(p) : why;
}

/* The target without its own query keeps that of the client. */
static enum reason
rewrite(struct request_plan *p, const struct rule_conf *rule,
    struct slice target, struct arena *a)
{
	size_t query = slice_find(target, '?');

	p->rule = rule;
	p->target.form = TARGET_ORIGIN;
	p->target.path = slice_first(target, query);
	if (query < target.len) {
		p->target.has_query = true;
		p->target.query = slice_from(target, query + 1);
	}
	return look_at_path(p, a);
}

/* deny, allow, redirect, rewrite: one rule for each request */
static enum reason
apply_rules(struct request_plan *p, enum method m,
    const struct client_facts *who, struct arena *a)
{
	const struct rule_conf *rule;
	struct slice target;
	enum reason why = look_at_path(p, a);
	bool has_slashes = p->split_path.p != NULL;

	if (why == REASON_OK)
		why = rules_find(&p->site->http.redirect, p->normal_path,
		    has_slashes, a, &rule, &target);
	if (why != REASON_OK)
		return why;
	if (rule != NULL)
		return request_redirect_rule(p, rule, target, m, who, a);
	why = rules_find(&p->site->http.rewrite, p->normal_path, has_slashes, a,
	    &rule, &target);
	if (why != REASON_OK || rule == NULL)
		return why;
	return rewrite(p, rule, target, a);
}

static enum reason
check_client(const struct request_plan *p, const struct client_facts *who)
{
	if (p->route->require_tls != REQUIRE_TLS_NO && !who->https)
		return REASON_TLS_REQUIRED;
	if (!request_tls_has_certificate(p->site, p->route, who))
		return REASON_CERT_REQUIRED;
	return REASON_OK;
}

static enum reason
server_path(struct request_plan *p, struct arena *a)
{
	struct slice path = p->target.path;

	if (p->route->to != NULL) {
		path = prefix_map(p->route, p->prefix, path, a);
		if (path.p == NULL)
			return REASON_AMBIGUOUS_PATH;
	}
	if (!p->target.has_query) {
		p->path = path;
		return REASON_OK;
	}
	/* In origin form path and query lie side by side already. */
	if (path.p + path.len + 1 == p->target.query.p) {
		p->path = (struct slice){ path.p,
			path.len + 1 + p->target.query.len };
		return REASON_OK;
	}
	struct slice parts[] = { path, SLICE("?"), p->target.query };
	p->path = arena_concat(a, parts, ARRAY_LEN(parts));
	return p->path.p != NULL ? REASON_OK : REASON_NO_MEMORY;
}

static enum reason
check_request(const struct request_head *r, const struct request_plan *p)
{
	if (via_is_loop(&r->fields, &p->site->http))
		return REASON_LOOP;
	if (p->route->max_body_bytes != 0 && p->framing.kind == BODY_LENGTH &&
	    p->framing.length > p->route->max_body_bytes)
		return REASON_BODY_TOO_LARGE;
	return REASON_OK;
}

static enum reason
plan_forward(const struct request_head *r, struct request_plan *p,
    const struct client_facts *who, struct arena *a)
{
	enum reason why = request_path_find_route(p);

	if (why != REASON_OK)
		return why;
	if (p->route->require_tls == REQUIRE_TLS_REDIRECT && !who->https)
		return request_redirect_https(p, r->method_id, a);
	why = check_client(p, who);
	if (why != REASON_OK)
		return why;
	p->pool = who->https ? p->route->pool_https : p->route->pool_http;
	if (p->pool == NULL) /* the route is for the other scheme alone */
		return who->https ? REASON_NO_ROUTE : REASON_TLS_REQUIRED;
	why = check_request(r, p);
	if (why == REASON_OK)
		why = request_upgrade_plan(r, p, a);
	if (why != REASON_OK)
		return why;
	p->action = REQUEST_FORWARD;
	why = server_path(p, a);
	return why != REASON_OK ? why : request_destination(r, p, who, a);
}

static enum reason
plan(struct request_head *r, const struct client_facts *who,
    const struct site_names *names, struct arena *a, struct request_plan *p)
{
	enum reason why = check_message(r, p);

	if (why != REASON_OK)
		return why;
	p->site = site_names_find(names, p->authority.host);
	if (p->site == NULL)
		return REASON_NO_SITE;
	why = request_tls_check_site(p->site, p->authority.host, who, names);
	if (why != REASON_OK)
		return why;
	why = request_options_plan(r, p, a);
	if (why != REASON_OK || p->action == REQUEST_OPTIONS)
		return why;
	why = request_redirect_site(p, r->method_id, who, a);
	if (why == REASON_OK && p->action != REQUEST_REDIRECT)
		why = apply_rules(p, r->method_id, who, a);
	if (why != REASON_OK || p->action == REQUEST_REDIRECT)
		return why;
	return plan_forward(r, p, who, a);
}

void
request_rules_plan(struct request_head *r, const struct client_facts *who,
    const struct site_names *names, struct arena *a, struct request_plan *out)
{
	memset(out, 0, sizeof(*out));
	out->action = REQUEST_REFUSE;
	out->why = plan(r, who, names, a, out);
	if (out->why != REASON_OK)
		out->action = REQUEST_REFUSE;
}
