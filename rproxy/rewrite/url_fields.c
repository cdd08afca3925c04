/*
 * URLs inside of field values.  Pure.  Runs in rproxy's worker, for the few
 * responses that have such fields.
 */
#include "rproxy/rewrite/url_fields.h"

#include "common/check.h"

/* Offset behind a quoted string that begins at "at"; the end when open. */
static size_t
skip_quoted(struct slice s, size_t at)
{
	for (at++; at < s.len; at++) {
		if (s.p[at] == '\\')
			at++;
		else if (s.p[at] == '"')
			return at + 1;
	}
	return s.len;
}

/*
 * Takes the text up to the next "<url>" off *rest, with the '<'; false when
 * there is none.
 */
static bool
next_link(struct slice *rest, struct slice *before, struct slice *url)
{
	size_t at = 0;

	while (at < rest->len && rest->p[at] != '<')
		at = rest->p[at] == '"' ? skip_quoted(*rest, at) : at + 1;
	if (at >= rest->len)
		return false;
	*before = slice_first(*rest, at + 1);
	*url = slice_from(*rest, at + 1);
	*url = slice_first(*url, slice_find(*url, '>'));
	*rest = slice_from(*rest, before->len + url->len);
	return true;
}

struct slice
url_fields_link(const struct mapping *m, struct slice value, struct arena *a)
{
	struct slice rest = value, before, url;
	struct slice *parts;
	size_t n = 0, room = 1;

	while (next_link(&rest, &before, &url))
		room += 2;
	if (room == 1)
		return value;
	parts = arena_alloc(a, room * sizeof(*parts));
	if (parts == NULL)
		return SLICE_NONE;
	rest = value;
	while (next_link(&rest, &before, &url)) {
		parts[n++] = before;
		parts[n] = url.len == 0 ? url : response_rules_url(m, url, a);
		if (parts[n++].p == NULL)
			return SLICE_NONE;
	}
	parts[n++] = rest;
	return arena_concat(a, parts, n);
}

/* Where the URL of "5; url='...'" is; empty when there is none. */
static struct slice
url_of_refresh(struct slice value)
{
	size_t at = 0;
	struct slice rest;

	while (at < value.len && value.p[at] != ';' && value.p[at] != ',')
		at++;
	rest = slice_trim(slice_from(value, at + 1));
	if (slice_starts_with_nocase(rest, SLICE("url"))) {
		struct slice behind = slice_trim(slice_from(rest, 3));

		if (behind.len > 0 && behind.p[0] == '=')
			rest = slice_trim(slice_from(behind, 1));
	}
	if (rest.len > 0 && (rest.p[0] == '"' || rest.p[0] == '\'')) {
		char quote = rest.p[0];

		rest = slice_from(rest, 1);
		rest = slice_first(rest, slice_find(rest, quote));
	}
	return rest;
}

struct slice
url_fields_refresh(const struct mapping *m, struct slice value, struct arena *a)
{
	struct slice url = url_of_refresh(value);
	size_t at = (size_t)(url.p - value.p);
	struct slice parts[3];

	if (url.len == 0)
		return value;
	parts[0] = slice_first(value, at);
	parts[1] = response_rules_url(m, url, a);
	parts[2] = slice_from(value, at + url.len);
	if (parts[1].p == NULL)
		return SLICE_NONE;
	return arena_concat(a, parts, ARRAY_LEN(parts));
}

/* "<url>" or bare, both were in use before there was Link */
static struct slice
map_uri(const struct mapping *m, struct slice value, struct arena *a)
{
	if (slice_find(value, '<') < value.len)
		return url_fields_link(m, value, a);
	return response_rules_url(m, value, a);
}

typedef struct slice
mapper(const struct mapping *m, struct slice value, struct arena *a);

static bool
map_all(struct fields *f, enum field_id id, mapper *map,
    const struct mapping *m, struct arena *a)
{
	struct field *v;

	for (v = fields_first(f, id); v != NULL; v = fields_next(f, v)) {
		if (v->value.len == 0)
			continue;
		v->value = map(m, v->value, a);
		if (v->value.p == NULL)
			return false;
	}
	return true;
}

bool
url_fields_apply(struct fields *f, const struct mapping *m, struct arena *a)
{
	return map_all(f, FIELD_LINK, url_fields_link, m, a) &&
	       map_all(f, FIELD_REFRESH, url_fields_refresh, m, a) &&
	       map_all(f, FIELD_URI, map_uri, m, a);
}
