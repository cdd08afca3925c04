/*
 * Where a client is sent instead of being served.  Pure; runs in the worker.
 *
 * Every Location is absolute: with a path alone a client that came through a
 * port forward or another name would have to guess.
 */
#include "rproxy/request_redirect.h"

#include "common/check.h"

static struct slice
public_name(const struct request_plan *p)
{
	if (p->authority.host.len > 0)
		return p->authority.host;
	return slice_of(p->site->host); /* HTTP/1.0 without Host */
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

/*
 * A path of this site with scheme, host and port of the request, or a whole
 * URL as it is; with the client's query unless it has one.
 */
static struct slice
public_url(const struct request_plan *p, const struct client_facts *who,
    struct slice to, struct arena *a)
{
	bool is_path = to.len > 0 && to.p[0] == '/';
	bool keep = p->target.has_query && slice_find(to, '?') == to.len;
	struct slice scheme = who->https ? SLICE("https://") : SLICE("http://");
	struct slice host = p->host.len > 0 ? p->host : public_name(p);
	struct slice parts[] = {
		is_path ? scheme : SLICE_NONE,
		is_path ? host : SLICE_NONE,
		to,
		keep ? SLICE("?") : SLICE_NONE,
		keep ? p->target.query : SLICE_NONE,
	};

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

/* 308 keeps the method and the body (RFC 9110 section 15.4.9). */
enum reason
request_redirect_https(struct request_plan *p, enum method m, struct arena *a)
{
	return redirect(p, is_safe(m) ? 301 : 308, https_location(p, a));
}

enum reason
request_redirect_site(struct request_plan *p, enum method m,
    const struct client_facts *who, struct arena *a)
{
	const struct http_conf *http = &p->site->http;

	if (http->https_redirect && !who->https)
		return request_redirect_https(p, m, a);
	if (http->root_redirect != NULL && is_safe(m) &&
	    slice_eq(p->target.path, SLICE("/")))
		return redirect(p, 302,
		    public_url(p, who, slice_of(http->root_redirect), a));
	return REASON_OK;
}

enum reason
request_redirect_rule(struct request_plan *p, const struct rule_conf *rule,
    struct slice target, enum method m, const struct client_facts *who,
    struct arena *a)
{
	unsigned status = rule->status;

	if (status == 0)
		status = is_safe(m) ? 302 : 307;
	p->rule = rule;
	return redirect(p, status, public_url(p, who, target, a));
}
