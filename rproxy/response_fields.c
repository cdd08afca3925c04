/*
 * From the fields of a server to those for the client.  Pure; runs in the
 * worker.  First what the server said is put right, then ours is added, last
 * what the operator wants, which has the last word.
 */
#include "rproxy/response_fields.h"

#include "rproxy/rewrite/client_cert.h"
#include "rproxy/rewrite/cookies.h"
#include "rproxy/rewrite/url_fields.h"
#include "rproxy/rewrite/via.h"

/* One that speaks HTTP/1.0 need not say for whom it asks. */
static struct slice
public_host(const struct request_plan *p)
{
	return p->host.len > 0 ? p->host : slice_of(p->site->host);
}

static struct mapping
mapping_of(const struct request_plan *p, const struct client_facts *who)
{
	return (struct mapping){
		.site = p->site,
		.route = p->route,
		.prefix = p->prefix,
		.who = who,
		.host = public_host(p),
	};
}

static bool
set_configured(struct fields *f, const struct http_conf *http)
{
	const struct header_list *remove = &http->response_header_remove;
	const struct header_list *set = &http->response_header;

	for (size_t i = 0; i < remove->n; i++)
		fields_drop_name(f, slice_of(remove->v[i].name));
	for (size_t i = 0; i < set->n; i++) {
		struct slice name = slice_of(set->v[i].name);

		fields_drop_name(f, name);
		if (!fields_add(f, name, slice_of(set->v[i].value)))
			return false;
	}
	return true;
}

/* Over plain http it means nothing to a browser (RFC 6797 section 7.2). */
bool
response_fields_add_hsts(struct fields *f, const struct site_conf *site,
    const struct client_facts *who, struct arena *a)
{
	const struct slice name = SLICE("Strict-Transport-Security");
	struct slice value;

	if (site == NULL || site->http.hsts_s == 0 || !who->https)
		return true;
	fields_drop_name(f, name);
	value = arena_printf(a, "max-age=%u", site->http.hsts_s);
	return value.p != NULL && fields_add(f, name, value);
}

bool
response_fields_rewrite(struct response_head *r, const struct request_plan *p,
    const struct client_facts *who, struct arena *a)
{
	struct mapping m = mapping_of(p, who);
	struct fields *f = &r->fields;

	if (p->site->app == APP_RFC)
		client_cert_vary(f);
	return response_rules_apply(f, &m, a) && url_fields_apply(f, &m, a) &&
	       cookies_apply(f, &m, a) &&
	       via_add(f, &p->site->http, r->minor, a) &&
	       response_fields_add_hsts(f, p->site, who, a) &&
	       set_configured(f, &p->site->http);
}

bool
response_fields_rewrite_interim(struct response_head *r,
    const struct request_plan *p, const struct client_facts *who,
    struct arena *a)
{
	struct mapping m = mapping_of(p, who);

	return url_fields_apply(&r->fields, &m, a);
}
