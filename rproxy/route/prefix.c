/*
 * Longest prefix at a segment border, and the path mapping that hangs on it.
 * Pure.  Runs in rproxy's worker.
 */
#include "rproxy/route/prefix.h"

#include "rproxy/http/path_prefix.h"

const struct route_conf *
prefix_find(
    const struct site_conf *site, struct slice path, struct slice *prefix)
{
	const struct route_conf *best = NULL;

	*prefix = SLICE_NONE;
	for (size_t i = 0; i < site->n_route; i++) {
		const struct route_conf *r = &site->route[i];

		for (size_t j = 0; j < r->prefix.n; j++) {
			struct slice p = slice_of(r->prefix.v[j]);

			if (p.len <= prefix->len ||
			    !path_prefix_matches(p, path))
				continue;
			best = r;
			*prefix = p;
		}
	}
	return best;
}

struct slice
prefix_map(const struct route_conf *r, struct slice prefix, struct slice raw,
    struct arena *a)
{
	if (r->to == NULL)
		return raw;
	if (!path_prefix_matches(path_prefix_trim(prefix), raw) ||
	    !path_prefix_is_plain(raw))
		return SLICE_NONE;
	return path_prefix_replace(prefix, slice_of(r->to), raw, a);
}
