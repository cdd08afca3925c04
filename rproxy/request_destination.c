/*
 * The second address of a request.  Pure; runs in the worker.
 *
 * It is a public URL that a server is to act upon, so it goes the way of the
 * first one: normalised, held against deny and allow, routed, mapped.  Without
 * that MOVE would be a way around every rule.
 *
 * With a method that HTTP itself defines the field means nothing (RFC 4918
 * section 10.3), and an application may have its own use for it: what is no
 * URL is passed on there.
 */
#include "rproxy/request_destination.h"

#include "common/check.h"
#include "rproxy/rewrite/response_rules.h"
#include "rproxy/route/prefix.h"
#include "rproxy/route/rules.h"

static bool
is_ours(const struct request_plan *p, const struct client_facts *who,
    const struct target *t)
{
	const struct mapping m = {
		.site = p->site,
		.route = p->route,
		.who = who,
		.host = p->host,
	};
	struct authority at;

	if (t->form == TARGET_ORIGIN)
		return true;
	return authority_parse(t->authority, &at) &&
	       response_rules_is_public(&m, &at);
}

/* The path for the server that the request goes to. */
static enum reason
map_path(const struct request_plan *p, const struct client_facts *who,
    struct slice path, struct arena *a, struct slice *out)
{
	struct slice normal, prefix;
	const struct route_conf *r;
	enum reason why = path_normalise(path, false, a, &normal);

	if (why != REASON_OK)
		return why;
	if (!rules_may_pass(&p->site->http, normal))
		return REASON_DENIED;
	r = prefix_find(p->site, normal, &prefix);
	if (r == NULL ||
	    (who->https ? r->pool_https : r->pool_http) != p->pool ||
	    (r->require_tls != REQUIRE_TLS_NO && !who->https) ||
	    (r->require_client_cert && !who->cert_verified))
		return REASON_BAD_DESTINATION;
	*out = prefix_map(r, prefix, path, a);
	return out->p != NULL ? REASON_OK : REASON_AMBIGUOUS_PATH;
}

/* Scheme and host stay where the server is told the public ones. */
static enum reason
build(struct request_plan *p, const struct target *t, struct slice path,
    struct arena *a)
{
	bool named = p->site->http.preserve_host && t->form == TARGET_ABSOLUTE;
	struct slice parts[] = {
		named ? t->scheme : SLICE_NONE,
		named ? SLICE("://") : SLICE_NONE,
		named ? t->authority : SLICE_NONE,
		path,
		t->has_query ? SLICE("?") : SLICE_NONE,
		t->query,
	};

	p->destination = arena_concat(a, parts, ARRAY_LEN(parts));
	return p->destination.p != NULL ? REASON_OK : REASON_NO_MEMORY;
}

/* "//host/x" is a host to some and a path to others. */
static bool
parse(struct slice value, struct target *out)
{
	return !slice_starts_with(value, SLICE("//")) &&
	       target_parse(value, METHOD_OTHER, out) == REASON_OK &&
	       out->form != TARGET_ASTERISK;
}

enum reason
request_destination(const struct request_head *r, struct request_plan *p,
    const struct client_facts *who, struct arena *a)
{
	const struct field *d = fields_first(&r->fields, FIELD_DESTINATION);
	struct target t;
	struct slice path;

	if (d == NULL)
		return REASON_OK;
	if (fields_next(&r->fields, d) != NULL)
		return REASON_BAD_DESTINATION;
	if (!parse(d->value, &t))
		return r->method_id == METHOD_OTHER ? REASON_BAD_DESTINATION
						    : REASON_OK;
	if (!is_ours(p, who, &t)) {
		p->destination = d->value;
		return REASON_OK;
	}
	enum reason why = map_path(p, who, t.path, a, &path);
	return why != REASON_OK ? why : build(p, &t, path, a);
}
