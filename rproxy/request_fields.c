/*
 * From the fields of a client to those for a server.  Pure; runs in the
 * worker, and behind rproxy -e.
 *
 * Order matters (CVE-2022-31813): hop-by-hop fields and what Connection names
 * went first (request_rules), then what the client claims about itself, then
 * what the operator removes; what we add comes last, and nothing that the
 * client sent can take it away.  RFC 9110 section 7.6.
 *
 * What is removed or replaced is so in every spelling that a server could take
 * for the name: "X_Plain" goes where the file says "X-Plain".
 */
#include "rproxy/request_fields.h"

#include "rproxy/rewrite/claims.h"
#include "rproxy/rewrite/forwarded.h"
#include "rproxy/rewrite/via.h"

/*
 * "Front-End-Https: On" in a file is written with https in mind.  Sent with a
 * plain request it is a lie that makes an application set its session free on
 * an open line, so whatever a client may not claim is only claimed for TLS
 * clients.  The list of access points is no such claim.
 */
bool
request_fields_may_set(const struct client_facts *who, struct slice name)
{
	return who->https || !claims_is_claim(name) ||
	       claims_is_same(name, SLICE("x-sap-webdisp-ap"));
}

static bool
set_configured(struct fields *f, const struct http_conf *http,
    const struct client_facts *who)
{
	const struct header_list *set = &http->request_header;

	for (size_t i = 0; i < set->n; i++) {
		struct slice name = slice_of(set->v[i].name);

		if (!request_fields_may_set(who, name))
			continue;
		claims_drop_same(f, name);
		if (!fields_add(f, name, slice_of(set->v[i].value)))
			return false;
	}
	return true;
}

enum reason
request_fields_rewrite(struct request_head *r, struct request_plan *p,
    const struct client_facts *who, struct arena *a)
{
	const struct http_conf *http = &p->site->http;
	const struct header_list *remove = &http->request_header_remove;
	struct fields *f = &r->fields;

	claims_strip(f, http, &who->addr);
	for (size_t i = 0; i < remove->n; i++)
		claims_drop_same(f, slice_of(remove->v[i].name));
	fields_drop(f, FIELD_HOST);
	fields_drop(f, FIELD_CONTENT_LENGTH);
	if (p->destination.p != NULL) /* written anew */
		fields_drop(f, FIELD_DESTINATION);
	if (!via_add(f, http, r->minor, a) ||
	    !forwarded_add(f, who, p->site, p->host, a) ||
	    !set_configured(f, http, who))
		return REASON_NO_MEMORY;
	return REASON_OK;
}
