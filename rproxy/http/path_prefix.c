/*
 * Prefixes of paths.  Pure.  Runs in rproxy's worker.
 */
#include "rproxy/http/path_prefix.h"

#include "common/check.h"

struct slice
path_prefix_trim(struct slice s)
{
	if (s.len > 0 && s.p[s.len - 1] == '/')
		s.len--;
	return s;
}

static bool
is_border(struct slice rest)
{
	return rest.len == 0 || rest.p[0] == '/' || rest.p[0] == ';' ||
	       rest.p[0] == '?' || rest.p[0] == '#';
}

bool
path_prefix_matches(struct slice prefix, struct slice path)
{
	if (!slice_starts_with(path, prefix))
		return false;
	if (prefix.len > 0 && prefix.p[prefix.len - 1] == '/')
		return true;
	return is_border(slice_from(path, prefix.len));
}

bool
path_prefix_is_plain(struct slice path)
{
	struct slice rest = slice_from(path, 1);
	struct slice segment;

	while (slice_split(&rest, '/', &segment))
		if (slice_eq(segment, SLICE(".")) ||
		    slice_eq(segment, SLICE("..")))
			return false;
	return true;
}

/*
 * A browser takes a backslash for a slash, and no notice at all of a tab
 * (WHATWG URL, "basic URL parser").
 */
static struct slice
without_slashes(struct slice rest)
{
	while (rest.len > 0 &&
	       (rest.p[0] == '/' || rest.p[0] == '\\' || rest.p[0] == '\t'))
		rest = slice_from(rest, 1);
	return rest;
}

struct slice
path_prefix_replace(
    struct slice from, struct slice to, struct slice path, struct arena *a)
{
	struct slice rest;
	struct slice parts[2];

	from = path_prefix_trim(from);
	to = path_prefix_trim(to);
	CHECK(slice_starts_with(path, from));
	rest = slice_from(path, from.len);
	parts[0] = to;
	parts[1] = rest;
	if (to.len == 0) {
		parts[0] = SLICE("/");
		parts[1] = without_slashes(rest);
	}
	return arena_concat(a, parts, 2);
}
