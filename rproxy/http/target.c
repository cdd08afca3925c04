/*
 * Request targets and authorities: what is asked for, and of whom.  Pure; used
 * by rproxy's workers.  RFC 9112 section 3.2, RFC 9110 section 7.2, RFC 3986.
 *
 * Refused are the forms that a gateway has no use for (user information,
 * other schemes, CONNECT) and what the next reader might take for something
 * else.  Accepted text is kept byte for byte.
 */
#include <netinet/in.h>
#include <string.h>

#include "common/addr.h"
#include "common/number.h"
#include "rproxy/http/target.h"

#define HOST_MAX 255 /* RFC 1035 section 2.3.4 */

/*
 * Visible ASCII without '#'.  More than RFC 3986 allows: browsers send | ^ {
 * and the like in queries, and no two servers read them differently.
 */
static bool
is_target_text(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c > '~' || c == '#')
			return false;
	}
	return s.len > 0;
}

/* Takes a scheme and "://" off *rest; false: not one of ours. */
static bool
take_scheme(struct slice *rest, struct slice *scheme)
{
	size_t n = slice_find(*rest, ':');

	*scheme = slice_first(*rest, n);
	*rest = slice_from(*rest, n);
	if (!slice_eq_nocase(*scheme, SLICE("http")) &&
	    !slice_eq_nocase(*scheme, SLICE("https")))
		return false;
	if (!slice_starts_with(*rest, SLICE("://")))
		return false;
	*rest = slice_from(*rest, 3);
	return true;
}

/* Path and query; with nothing before the '?' the path is "/". */
static void
split_path(struct slice s, struct target *out)
{
	size_t n = slice_find(s, '?');

	out->path = n == 0 ? SLICE("/") : slice_first(s, n);
	out->has_query = n < s.len;
	if (out->has_query)
		out->query = slice_from(s, n + 1);
}

static enum reason
parse_absolute(struct slice rest, enum method m, struct target *out)
{
	struct authority ignored;
	size_t n = 0;

	if (!take_scheme(&rest, &out->scheme))
		return REASON_BAD_TARGET;
	while (n < rest.len && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	out->authority = slice_first(rest, n);
	if (!authority_parse(out->authority, &ignored))
		return REASON_BAD_TARGET;
	out->form = m == METHOD_OPTIONS && n == rest.len ? TARGET_ASTERISK
							 : TARGET_ABSOLUTE;
	split_path(slice_from(rest, n), out);
	return REASON_OK;
}

enum reason
target_parse(struct slice raw, enum method m, struct target *out)
{
	*out = (struct target){ .form = TARGET_ORIGIN, .path = SLICE("/") };

	if (m == METHOD_CONNECT)
		return REASON_METHOD_REFUSED;
	if (!is_target_text(raw))
		return REASON_BAD_TARGET;
	if (raw.p[0] == '/') {
		split_path(raw, out);
		return REASON_OK;
	}
	if (!slice_eq(raw, SLICE("*")))
		return parse_absolute(raw, m, out);
	out->form = TARGET_ASTERISK;
	return m == METHOD_OPTIONS ? REASON_OK : REASON_BAD_TARGET;
}

/*
 * Names as DNS has them, and '_'.  RFC 3986 would allow escapes and
 * punctuation as well: no site has such a name, and X-Forwarded-Host must
 * not carry it inwards.
 */
static bool
is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
	       c == '-' || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_host_name(struct slice s)
{
	char before = '.';

	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (!is_host_char(c))
			return false;
		if (c == '.' && before == '.')
			return false;
		before = c;
	}
	return s.len > 0 && s.len <= HOST_MAX;
}

static bool
is_ipv6_text(struct slice s)
{
	struct addr a;

	return s.len <= HOST_MAX && addr_parse_ip(s, 0, &a) &&
	       a.u.sa.sa_family == AF_INET6;
}

/* "" or ":8080"; an empty port is none (RFC 3986 section 3.2.3). */
static bool
parse_port(struct slice s, uint16_t *port)
{
	uint64_t n;

	*port = 0;
	if (s.len == 0 || slice_eq(s, SLICE(":")))
		return true;
	if (s.p[0] != ':' || s.len > 6 || !number_parse(slice_from(s, 1), &n))
		return false;
	if (n == 0 || n > UINT16_MAX)
		return false;
	*port = (uint16_t)n;
	return true;
}

bool
authority_parse(struct slice text, struct authority *out)
{
	size_t n;

	*out = (struct authority){ 0 };
	if (text.len == 0)
		return false;
	if (text.p[0] != '[') {
		n = slice_find(text, ':');
		out->host = slice_first(text, n);
		return is_host_name(out->host) &&
		       parse_port(slice_from(text, n), &out->port);
	}
	n = slice_find(text, ']');
	if (n == text.len)
		return false;
	out->is_ipv6 = true;
	out->host = slice_from(slice_first(text, n), 1);
	return is_ipv6_text(out->host) &&
	       parse_port(slice_from(text, n + 1), &out->port);
}

bool
authority_is_same_host(struct slice a, struct slice b)
{
	struct addr x, y;

	if (slice_eq_nocase(a, b))
		return true;
	return slice_find(a, ':') < a.len && slice_find(b, ':') < b.len &&
	       addr_parse_ip(a, 0, &x) && addr_parse_ip(b, 0, &y) &&
	       addr_eq(&x, &y);
}

static uint16_t
port_in(struct slice scheme, const struct authority *a)
{
	if (a->port != 0)
		return a->port;
	return slice_eq_nocase(scheme, SLICE("https")) ? 443 : 80;
}

/* "http://h/" and "Host: H:80" are for the same host. */
static bool
is_same_host(struct slice scheme, struct slice one, struct slice other)
{
	struct authority a, b;

	return authority_parse(one, &a) && authority_parse(other, &b) &&
	       authority_is_same_host(a.host, b.host) &&
	       port_in(scheme, &a) == port_in(scheme, &b);
}

enum reason
target_host(const struct request_head *r, const struct target *t,
    struct slice *text, struct authority *out)
{
	const struct field *host = fields_first(&r->fields, FIELD_HOST);

	*text = t->authority;
	*out = (struct authority){ 0 };
	if (host == NULL && r->minor > 0)
		return REASON_BAD_HOST;
	if (host != NULL && fields_next(&r->fields, host) != NULL)
		return REASON_BAD_HOST;
	/*
	 * RFC 9112 section 3.2.2 lets the target win; a server behind us that
	 * lets Host win would be on another site than our route.
	 */
	if (host != NULL && t->authority.len > 0 &&
	    !is_same_host(t->scheme, t->authority, host->value))
		return REASON_BAD_HOST;
	if (host != NULL && t->authority.len == 0)
		*text = host->value;
	if (host == NULL && text->len == 0)
		return REASON_OK;
	return authority_parse(*text, out) ? REASON_OK : REASON_BAD_HOST;
}
