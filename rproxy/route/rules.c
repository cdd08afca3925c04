/*
 * Rules on paths.  Pure.  Runs in rproxy's worker, where a site has any.
 *
 * What an expression has caught is text that the client chose, decoded: on
 * its way into a target everything that means something in a URL is escaped
 * again, so that "%3f" in a path does not become the '?' of a query, "%26" no
 * further parameter and "%0d" never a line end.  RFC 3986 section 3.3.
 */
#include "rproxy/route/rules.h"

#include "common/check.h"
#include "rproxy/http/path_prefix.h"
#include "rproxy/route/pattern.h"

static bool
matches_nocase(struct slice prefix, struct slice path)
{
	struct slice head = slice_first(path, prefix.len);
	struct slice rest = slice_from(path, prefix.len);

	if (!slice_eq_nocase(head, prefix))
		return false;
	if (prefix.len > 0 && prefix.p[prefix.len - 1] == '/')
		return true;
	return path_prefix_matches(SLICE(""), rest);
}

size_t
rules_find_deny(const struct http_conf *http, struct slice path)
{
	size_t i = 0;

	while (i < http->deny.n &&
	       !matches_nocase(slice_of(http->deny.v[i]), path))
		i++;
	return i;
}

bool
rules_may_pass(const struct http_conf *http, struct slice path)
{
	if (rules_find_deny(http, path) < http->deny.n)
		return false;
	for (size_t i = 0; i < http->allow.n; i++)
		if (path_prefix_matches(slice_of(http->allow.v[i]), path))
			return true;
	return http->allow.n == 0;
}

/* pchar and '/', but not ';': it would begin a parameter of its segment */
static bool
is_path_char(char c)
{
	static const struct slice marks = { "-._~!$&'()*+,=:@/", 17 };

	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || slice_find(marks, c) < marks.len;
}

/*
 * Where a group's text goes.  Behind "name=" of a query it is one value, which
 * '&' would end; a whole query, as in "/show?$1", is meant to be one.
 */
enum place {
	PLACE_PATH,
	PLACE_QUERY,
	PLACE_VALUE,
};

static enum place
place_behind(enum place place, char c)
{
	if (place == PLACE_PATH)
		return c == '?' ? PLACE_QUERY : PLACE_PATH;
	if (c == '&')
		return PLACE_QUERY;
	return c == '=' ? PLACE_VALUE : place;
}

static bool
may_stay(char c, enum place place)
{
	if (place == PLACE_VALUE && (c == '&' || c == '+'))
		return false;
	return is_path_char(c);
}

static bool
is_slash_escape(struct slice s)
{
	return slice_starts_with(s, SLICE("%2F")) ||
	       slice_starts_with(s, SLICE("%5C"));
}

static size_t
escape(char *out, struct slice s, enum place place, bool has_slashes)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (may_stay(s.p[i], place) ||
		    (has_slashes && is_slash_escape(slice_from(s, i)))) {
			out[n++] = s.p[i];
			continue;
		}
		out[n++] = '%';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	return n;
}

/* At most, with every byte of every group escaped. */
static size_t
room_for(struct slice to, const struct slice groups[PATTERN_GROUPS])
{
	size_t n = to.len;

	for (size_t i = 0; i + 1 < to.len; i++)
		if (to.p[i] == '$' && to.p[i + 1] >= '0' && to.p[i + 1] <= '9')
			n += 3 * groups[to.p[i + 1] - '0'].len;
	return n;
}

/* Every '$' has a digit or a '$' behind it: common/site_rule_value.c. */
static struct slice
expand(struct slice to, const struct slice groups[PATTERN_GROUPS],
    bool has_slashes, struct arena *a)
{
	char *out = arena_alloc(a, room_for(to, groups));
	enum place place = PLACE_PATH;
	size_t n = 0;

	if (out == NULL)
		return SLICE_NONE;
	for (size_t i = 0; i < to.len; i++) {
		if (to.p[i] != '$') {
			place = place_behind(place, to.p[i]);
			out[n++] = to.p[i];
			continue;
		}
		i++;
		CHECK(i < to.len);
		if (to.p[i] == '$')
			out[n++] = '$';
		else
			n += escape(
			    out + n, groups[to.p[i] - '0'], place, has_slashes);
	}
	return (struct slice){ out, n };
}

static enum pattern_verdict
covers(const struct rule_conf *rule, struct slice path,
    struct slice groups[PATTERN_GROUPS])
{
	if (rule->is_pattern)
		return pattern_match(rule->pattern, path, groups);
	for (unsigned i = 0; i < PATTERN_GROUPS; i++)
		groups[i] = SLICE_NONE;
	groups[0] = path;
	return slice_eq(slice_of(rule->from), path) ? PATTERN_YES : PATTERN_NO;
}

enum reason
rules_find(const struct rule_list *l, struct slice path, bool has_slashes,
    struct arena *a, const struct rule_conf **hit, struct slice *target)
{
	struct slice groups[PATTERN_GROUPS];

	*hit = NULL;
	for (size_t i = 0; i < l->n; i++) {
		switch (covers(&l->v[i], path, groups)) {
		case PATTERN_NO:
			continue;
		case PATTERN_LIMIT:
			return REASON_RULE_LIMIT;
		case PATTERN_YES:
			break;
		}
		*hit = &l->v[i];
		*target = expand(slice_of(l->v[i].to), groups, has_slashes, a);
		return target->p != NULL ? REASON_OK : REASON_NO_MEMORY;
	}
	return REASON_OK;
}
