/*
 * What is to be done with a request: refuse it, send the client elsewhere, or
 * forward it to a pool.  Pure: the head and what we know of the client in,
 * the plan out.
 */
#ifndef RPROXY_REQUEST_RULES_H
#define RPROXY_REQUEST_RULES_H

#include "common/arena.h"
#include "rproxy/http/client_facts.h"
#include "rproxy/http/framing.h"
#include "rproxy/http/target.h"
#include "rproxy/rewrite/hop_by_hop.h"
#include "common/site_names.h"

enum request_action {
	REQUEST_REFUSE,   /* why */
	REQUEST_REDIRECT, /* status, location */
	REQUEST_OPTIONS,  /* answer it ourselves */
	REQUEST_FORWARD,  /* route, pool, path */
};

/*
 * Filled as far as the decision came, so that a refused request is logged
 * with its site.  Slices point into the head or into the arena.
 */
struct request_plan {
	enum request_action action;
	enum reason why;
	bool is_framed; /* where the request ends is beyond doubt */
	unsigned status;
	struct slice location;

	struct framing framing;
	struct hop_by_hop hop;
	struct target target;
	struct slice host; /* as sent, with its port */
	struct authority authority;
	const struct site_conf *site;
	const struct route_conf *route;
	const struct pool_conf *pool;
	struct slice normal_path;     /* as servers read it, after rewriting */
	struct slice split_path;      /* p NULL: it has no encoded slashes */
	const struct rule_conf *rule; /* that redirected or rewrote; or NULL */
	struct slice prefix;          /* of the route, that matched */
	struct slice path;            /* for the server: path and query */
	struct slice upgrade;         /* protocols to offer it; empty: none */
	/* for the server, from Destination (WebDAV); p NULL: there is none.
	 * One that begins with '/' gets the server's own name in front. */
	struct slice destination;
};

/*
 * Removes the hop-by-hop fields from r on the way.
 */
void request_rules_plan(struct request_head *r, const struct client_facts *who,
    const struct site_names *names, struct arena *a, struct request_plan *out);

#endif
