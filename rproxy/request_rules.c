/*
 * The order in which a request is judged.  Pure; runs in the worker.
 *
 *	framing -> Connection -> target -> Host -> Expect -> site
 *	        -> https_redirect -> root_redirect -> route -> TLS, certificate
 *	        -> loop -> body size -> path for the server
 *
 * Framing first: until it is known where the request ends nothing else about
 * it can be trusted, and the connection cannot be used again.  RFC 9112
 * sections 3.2 and 6.3, RFC 9110 sections 7.6 and 10.1.1.
 */
#include <string.h>

#include "common/check.h"
#include "rproxy/http/field_values.h"
#include "rproxy/request_rules.h"
#include "rproxy/rewrite/via.h"
#include "rproxy/route/prefix.h"

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

/* redirects ---------------------------------------------------------------- */

static struct slice
public_name(const struct request_plan *p)
{
	if (p->authority.host.len > 0)
		return p->authority.host;
	return slice_of(p->site->name); /* HTTP/1.0 without Host */
}

static struct slice
https_authority(const struct request_plan *p, struct arena *a)
{
	struct slice name = public_name(p);
	const char *open = p->authority.is_ipv6 ? "[" : "";
	const char *shut = p->authority.is_ipv6 ? "]" : "";
	unsigned port = p->site->http.https_port;

	if (port == 443)
		return arena_printf(a, "%s%.*s%s", open, SLICE_FMT(name), shut);
	return arena_printf(
	    a, "%s%.*s%s:%u", open, SLICE_FMT(name), shut, port);
}

static struct slice
https_location(const struct request_plan *p, struct arena *a)
{
	struct slice parts[] = {
		SLICE("https://"),
		https_authority(p, a),
		p->target.path,
		p->target.has_query ? SLICE("?") : SLICE_NONE,
		p->target.query,
	};

	if (parts[1].p == NULL)
		return SLICE_NONE;
	return arena_concat(a, parts, ARRAY_LEN(parts));
}

static struct slice
root_location(const struct request_plan *p, const struct client_facts *who,
    struct arena *a)
{
	struct slice to = slice_of(p->site->http.root_redirect);
	struct slice parts[] = {
		who->https ? SLICE("https://") : SLICE("http://"),
		p->host.len > 0 ? p->host : public_name(p),
		to,
		p->target.has_query ? SLICE("?") : SLICE_NONE,
		p->target.query,
	};

	if (to.len == 0 || to.p[0] != '/') /* a whole URL */
		return to;
	return arena_concat(a, parts, ARRAY_LEN(parts));
}

static enum reason
redirect(struct request_plan *p, unsigned status, struct slice location)
{
	if (location.p == NULL)
		return REASON_NO_MEMORY;
	p->action = REQUEST_REDIRECT;
	p->status = status;
	p->location = location;
	return REASON_OK;
}

static bool
is_safe(enum method m)
{
	return m == METHOD_GET || m == METHOD_HEAD;
}

/* A redirect is planned when action says so afterwards. */
static enum reason
plan_redirect(struct request_plan *p, enum method m,
    const struct client_facts *who, struct arena *a)
{
	const struct http_conf *http = &p->site->http;

	if (p->target.form == TARGET_ASTERISK)
		return REASON_OK;
	/* 308 keeps the method and the body (RFC 9110 section 15.4.9). */
	if (http->https_redirect && !who->https)
		return redirect(
		    p, is_safe(m) ? 301 : 308, https_location(p, a));
	if (http->root_redirect != NULL && is_safe(m) &&
	    slice_eq(p->target.path, SLICE("/")))
		return redirect(p, 302, root_location(p, who, a));
	return REASON_OK;
}

/* routes ------------------------------------------------------------------- */

static enum reason
find_route(struct request_plan *p, struct arena *a)
{
	struct slice normal;

	if (p->target.form == TARGET_ASTERISK)
		return REASON_NO_ROUTE;
	enum reason why = path_normalise(p->target.path, false, a, &normal);
	if (why != REASON_OK)
		return why;
	p->route = prefix_find(p->site, normal, &p->prefix);
	return p->route != NULL ? REASON_OK : REASON_NO_ROUTE;
}

static enum reason
check_client(const struct request_plan *p, const struct client_facts *who)
{
	if (p->route->require_tls && !who->https)
		return REASON_TLS_REQUIRED;
	if (p->route->require_client_cert && !who->cert_verified)
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
plan_forward(const struct request_head *r, struct request_plan *p,
    const struct client_facts *who, struct arena *a)
{
	enum reason why = find_route(p, a);

	if (why != REASON_OK)
		return why;
	why = check_client(p, who);
	if (why != REASON_OK)
		return why;
	p->pool = who->https ? p->route->pool_https : p->route->pool_http;
	if (p->pool == NULL) /* the route is for the other scheme alone */
		return who->https ? REASON_NO_ROUTE : REASON_TLS_REQUIRED;
	if (via_is_loop(&r->fields, &p->site->http))
		return REASON_LOOP;
	if (p->route->max_body_bytes != 0 && p->framing.kind == BODY_LENGTH &&
	    p->framing.length > p->route->max_body_bytes)
		return REASON_BODY_TOO_LARGE;
	p->action = REQUEST_FORWARD;
	return server_path(p, a);
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
	why = plan_redirect(p, r->method_id, who, a);
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
