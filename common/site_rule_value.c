/*
 * Parsers for rules of a site file.  Pure; used at start-up only, so they
 * allocate with mem_need().
 *
 * What a rule may send a client to is decided here, once: its own site, or a
 * host that is written out in the file.  No part of a request can become part
 * of a host name (an open redirect), so '$' is refused in front of the path.
 */
#include "common/site_rule_value.h"

#include "common/mem.h"
#include "common/number.h"
#include "common/site_value.h"

/* Cuts at " -> "; both sides trimmed. */
static bool
cut_arrow(struct slice text, struct slice *from, struct slice *to)
{
	struct slice arrow = SLICE(" -> ");
	size_t at = slice_find_slice(text, arrow);

	if (at == text.len)
		return false;
	*from = slice_trim(slice_first(text, at));
	*to = slice_trim(slice_from(text, at + arrow.len));
	return from->len > 0 && to->len > 0;
}

/* "301 /a" leaves "/a"; nothing else begins with a digit. */
static bool
take_status(struct slice *from, unsigned *status)
{
	size_t blank = slice_find(*from, ' ');
	uint64_t n = 0;

	if (from->p[0] < '0' || from->p[0] > '9')
		return true;
	if (!number_parse(slice_first(*from, blank), &n) || n < 301 ||
	    n > 308 || n == 304 || n == 305 || n == 306)
		return false;
	*status = (unsigned)n;
	*from = slice_trim(slice_from(*from, blank));
	return from->len > 0;
}

static bool
are_dollars_good(struct slice to)
{
	for (size_t i = 0; i < to.len; i++) {
		if (to.p[i] != '$')
			continue;
		i++;
		if (i == to.len ||
		    ((to.p[i] < '0' || to.p[i] > '9') && to.p[i] != '$'))
			return false;
	}
	return true;
}

/* "https://www.example.com/new/$1": host and port are plain text. */
static bool
is_url(struct slice to)
{
	struct authority_conf where = { 0 };
	const char *ignored;
	size_t start = slice_starts_with_nocase(to, SLICE("https://")) ? 8 : 7;
	struct slice path = slice_from(to, start);
	size_t end = slice_find(path, '/');

	if (slice_find(slice_first(path, end), '$') < end ||
	    !site_value_authority(
		slice_first(to, start + end), &where, &ignored))
		return false;
	mem_free(where.host);
	return end == path.len ||
	       site_value_url_path(slice_from(path, end), &ignored);
}

static bool
is_target(struct slice to, bool may_redirect)
{
	const char *ignored;

	if (site_value_url_path(to, &ignored))
		return true;
	return may_redirect &&
	       (slice_starts_with_nocase(to, SLICE("http://")) ||
		   slice_starts_with_nocase(to, SLICE("https://"))) &&
	       is_url(to);
}

static bool
is_source(struct slice from)
{
	if (from.p[0] == '~')
		return slice_trim(slice_from(from, 1)).len > 0;
	return from.p[0] == '/';
}

bool
site_rule_value(struct slice text, bool may_redirect, struct rule_conf *out,
    const char **error)
{
	struct slice from, to;

	*error = may_redirect ? "write [STATUS] /PATH -> /PATH, or ~EXPRESSION "
				"-> http(s)://HOST/PATH"
			      : "write /PATH -> /PATH, or ~EXPRESSION -> /PATH";
	if (!cut_arrow(text, &from, &to))
		return false;
	if (may_redirect && !take_status(&from, &out->status)) {
		*error = "the status may be 301, 302, 303, 307 or 308, with a "
			 "path or ~EXPRESSION behind it";
		return false;
	}
	if (!is_source(from))
		return false;
	if (!is_target(to, may_redirect)) {
		*error = may_redirect
			     ? "the target must be a /PATH or http(s)://HOST "
			       "with nothing but a path behind the host"
			     : "the target must be a /PATH of this site";
		return false;
	}
	if (!are_dollars_good(to)) {
		*error = "'$' stands before a digit, write $$ for a dollar";
		return false;
	}
	out->is_pattern = from.p[0] == '~';
	if (out->is_pattern)
		from = slice_trim(slice_from(from, 1));
	out->from = slice_dup(from);
	out->to = slice_dup(to);
	return true;
}

static bool
is_domain(struct slice text)
{
	const char *ignored;

	if (text.len > 0 && text.p[0] == '.')
		text = slice_from(text, 1);
	return slice_find(text, '*') == text.len &&
	       site_value_name(text, &ignored);
}

bool
site_rule_cookie_domain(
    struct slice text, struct cookie_domain_conf *out, const char **error)
{
	struct slice from, to;

	*error = "write .DOMAIN -> .DOMAIN";
	if (!cut_arrow(text, &from, &to) || !is_domain(from) || !is_domain(to))
		return false;
	out->from = slice_dup(from);
	out->to = slice_dup(to);
	return true;
}

bool
site_rule_header_pattern(struct slice text, const char **error)
{
	struct slice name = text;

	*error = "malformed header name, a '*' may stand at its end";
	if (name.len > 1 && name.p[name.len - 1] == '*')
		name.len--;
	return slice_find(name, '*') == name.len && site_value_is_token(name);
}
