/*
 * Paths with encoded slashes.  Pure; runs in the worker.
 *
 * "%2F" in a path is part of a name to one server and a separator to the
 * next.  Portals put whole identifiers there (content paths, URLs), so a route
 * may let them pass; but a request must not be let in under one reading and
 * served under the other.  So both are looked at: they must have the same
 * route, and no rule may deny either.  Dot segments between encoded slashes
 * are refused by path_normalise() already.
 */
#include "rproxy/request_path.h"

#include "rproxy/route/prefix.h"
#include "rproxy/route/rules.h"

/*
 * "%2F" and "%5C" of a normalised path as slashes, doubled ones as one.  A
 * name that really has these three characters ("%252F") is taken for one as
 * well: a server that decodes twice would do the same.
 */
static struct slice
split_at_escapes(struct slice path, struct arena *a)
{
	char *out = arena_alloc(a, path.len);
	size_t n = 0;

	if (out == NULL)
		return SLICE_NONE;
	while (path.len > 0) {
		bool escape = slice_starts_with(path, SLICE("%2F")) ||
			      slice_starts_with(path, SLICE("%5C"));
		char c = escape ? '/' : path.p[0];

		if (c != '/' || n == 0 || out[n - 1] != '/')
			out[n++] = c;
		path = slice_from(path, escape ? 3 : 1);
	}
	return (struct slice){ out, n };
}

enum reason
request_path_read(struct request_plan *p, struct arena *a)
{
	struct slice path = p->target.path;
	enum reason why = path_normalise(path, false, a, &p->normal_path);

	p->split_path = SLICE_NONE;
	if (why != REASON_AMBIGUOUS_PATH)
		return why;
	/* If encoded slashes are all that is wrong, the route decides. */
	why = path_normalise(path, true, a, &p->normal_path);
	if (why != REASON_OK)
		return why;
	p->split_path = split_at_escapes(p->normal_path, a);
	return p->split_path.p != NULL ? REASON_OK : REASON_NO_MEMORY;
}

enum reason
request_path_check_rules(const struct request_plan *p)
{
	const struct http_conf *http = &p->site->http;

	if (!rules_may_pass(http, p->normal_path))
		return REASON_DENIED;
	if (p->split_path.p != NULL && !rules_may_pass(http, p->split_path))
		return REASON_DENIED;
	return REASON_OK;
}

enum reason
request_path_find_route(struct request_plan *p)
{
	struct slice ignored;

	p->route = prefix_find(p->site, p->normal_path, &p->prefix);
	if (p->split_path.p == NULL)
		return p->route != NULL ? REASON_OK : REASON_NO_ROUTE;
	if (p->route == NULL ||
	    p->route->encoded_slashes == ENCODED_SLASHES_REFUSE ||
	    prefix_find(p->site, p->split_path, &ignored) != p->route)
		return REASON_AMBIGUOUS_PATH;
	return REASON_OK;
}
