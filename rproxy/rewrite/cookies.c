/*
 * Set-Cookie.  Pure.  Runs in rproxy's worker.  RFC 6265bis section 5.
 *
 * A cookie is cut at its semicolons; an attribute that is to change is
 * replaced in its place, everything else is kept byte for byte.  What is
 * missing is added at the end, and nothing that the server has said about
 * Secure, HttpOnly or SameSite is taken back.
 *
 * The name's prefix is a promise to the browser: __Host- says Path=/, no
 * Domain and Secure, so neither is mapped, and Secure, which the server may
 * have left out since it sees plain http, is added as for all others.
 */
#include "rproxy/rewrite/cookies.h"

#include "common/check.h"
#include "rproxy/http/target.h"
#include "rproxy/http/path_prefix.h"

#define ATTRIBUTES_MAX 16

/* "; name=value" as it stands; name and value trimmed. */
struct attribute {
	struct slice text; /* without the semicolon */
	struct slice name;
	struct slice value;
};

struct cookie {
	struct slice pair; /* name=value */
	struct attribute v[ATTRIBUTES_MAX];
	size_t n;
	bool secure;
	bool http_only;
	bool same_site;
};

static bool
cookie_parse(struct slice value, struct cookie *c)
{
	struct slice rest = value;
	struct slice text;

	*c = (struct cookie){ 0 };
	if (!slice_split(&rest, ';', &c->pair))
		return false;
	while (slice_split(&rest, ';', &text)) {
		struct attribute *t = &c->v[c->n];
		size_t eq = slice_find(text, '=');

		if (c->n == ATTRIBUTES_MAX)
			return false;
		t->text = text;
		t->name = slice_trim(slice_first(text, eq));
		if (eq < text.len)
			t->value = slice_trim(slice_from(text, eq + 1));
		if (slice_eq_nocase(t->name, SLICE("Secure")))
			c->secure = true;
		else if (slice_eq_nocase(t->name, SLICE("HttpOnly")))
			c->http_only = true;
		else if (slice_eq_nocase(t->name, SLICE("SameSite")))
			c->same_site = true;
		c->n++;
	}
	return true;
}

/* "intra.example.com" covers itself and "j2ee.intra.example.com" */
static bool
domain_covers(struct slice domain, struct slice host)
{
	if (slice_eq_nocase(domain, host))
		return true;
	return host.len > domain.len && domain.len > 0 &&
	       host.p[host.len - domain.len - 1] == '.' &&
	       slice_ends_with_nocase(host, domain);
}

static bool
covers_pool(const struct pool_conf *pool, struct slice domain)
{
	if (pool == NULL)
		return false;
	for (size_t i = 0; i < pool->n_server; i++) {
		if (domain_covers(domain, slice_of(pool->server[i].host)))
			return true;
	}
	for (size_t i = 0; i < pool->n_alias; i++) {
		if (domain_covers(domain, slice_of(pool->alias[i].host)))
			return true;
	}
	return false;
}

static bool
covers_inner(const struct route_conf *r, struct slice domain)
{
	return covers_pool(r->pool_http, domain) ||
	       covers_pool(r->pool_https, domain);
}

/* A browser takes no Domain that is an address or has no dot. */
static bool
may_be_domain(struct authority at)
{
	char last;

	if (at.is_ipv6 || slice_find(at.host, '.') == at.host.len)
		return false;
	last = at.host.p[at.host.len - 1];
	return last < '0' || last > '9';
}

/* cookie_domain: the very domain, a dot in front or not (6265bis, 5.2.3) */
static const char *
configured_domain(const struct http_conf *http, struct slice domain)
{
	for (size_t i = 0; i < http->cookie_domain.n; i++) {
		struct slice from = slice_of(http->cookie_domain.v[i].from);

		if (from.p[0] == '.')
			from = slice_from(from, 1);
		if (slice_eq_nocase(from, domain))
			return http->cookie_domain.v[i].to;
	}
	return NULL;
}

static bool
set_domain(struct attribute *t, struct slice domain, struct arena *a)
{
	struct slice parts[2] = { SLICE(" Domain="), domain };

	t->text = arena_concat(a, parts, 2);
	return t->text.p != NULL;
}

/*
 * An inner domain becomes the public host; where that cannot be a domain,
 * the attribute goes and the cookie is the host's alone.
 */
static bool
map_domain(const struct mapping *m, struct attribute *t, struct arena *a)
{
	struct slice domain = t->value;
	struct authority public;
	const char *to;

	if (domain.len > 0 && domain.p[0] == '.')
		domain = slice_from(domain, 1);
	to = configured_domain(&m->site->http, domain);
	if (to != NULL)
		return set_domain(t, slice_of(to), a);
	if (!authority_parse(m->host, &public) || domain.len == 0 ||
	    domain_covers(domain, public.host) ||
	    !covers_inner(m->route, domain))
		return true;
	if (!may_be_domain(public)) {
		t->text = SLICE_NONE;
		return true;
	}
	return set_domain(t, public.host, a);
}

/*
 * A path below the route's "to" goes back to the prefix.  One above it covers
 * what is mapped, too, and becomes the prefix: a browser never sees the part
 * above.  "/" above it is meant for the whole host, such as a cookie for
 * single sign-on, and stays; where "to" itself is "/" it is that server's own:
 * two of them behind one name must not take each other's sessions away.
 */
static struct slice
public_path(const struct mapping *m, struct slice path, struct arena *a)
{
	struct slice to = slice_of(m->route->to);

	if (slice_eq(path, SLICE("/")))
		return slice_eq(to, path) ? m->prefix : path;
	if (to.len > 0 && !path_prefix_matches(to, path) &&
	    path_prefix_matches(path, to))
		return m->prefix;
	return response_rules_path(m, path, a);
}

static bool
map_path(const struct mapping *m, struct attribute *t, struct arena *a)
{
	struct slice path = t->value;
	struct slice parts[2] = { SLICE(" Path="), path };

	if (path.len == 0 || path.p[0] != '/')
		return true;
	parts[1] = public_path(m, path, a);
	if (parts[1].p == NULL)
		return false;
	if (slice_eq(parts[1], path))
		return true;
	t->text = arena_concat(a, parts, 2);
	return t->text.p != NULL;
}

static bool
map_attributes(const struct mapping *m, struct cookie *c, struct arena *a)
{
	for (size_t i = 0; i < c->n; i++) {
		struct attribute *t = &c->v[i];

		if (slice_eq_nocase(t->name, SLICE("Domain")) &&
		    !map_domain(m, t, a))
			return false;
		if (slice_eq_nocase(t->name, SLICE("Path")) &&
		    !map_path(m, t, a))
			return false;
	}
	return true;
}

bool
cookies_are_secure(const struct http_conf *http, bool https)
{
	switch (http->cookie_secure) {
	case COOKIE_SECURE_AUTO:
		return https;
	case COOKIE_SECURE_ON:
		return true;
	case COOKIE_SECURE_OFF:
		break;
	}
	return false;
}

/* Browsers drop SameSite=None without Secure. */
struct slice
cookies_same_site(const struct http_conf *http, bool secure)
{
	switch (http->cookie_samesite) {
	case COOKIE_SAMESITE_KEEP:
		break;
	case COOKIE_SAMESITE_LAX:
		return SLICE("; SameSite=Lax");
	case COOKIE_SAMESITE_STRICT:
		return SLICE("; SameSite=Strict");
	case COOKIE_SAMESITE_NONE:
		return secure ? SLICE("; SameSite=None") : SLICE_NONE;
	}
	return SLICE_NONE;
}

static struct slice
cookie_text(const struct mapping *m, const struct cookie *c, struct arena *a)
{
	struct slice parts[2 * ATTRIBUTES_MAX + 4];
	const struct http_conf *http = &m->site->http;
	bool add_secure = !c->secure && cookies_are_secure(http, m->who->https);
	size_t n = 0;

	parts[n++] = c->pair;
	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i].text.p == NULL)
			continue;
		parts[n++] = SLICE(";");
		parts[n++] = c->v[i].text;
	}
	if (add_secure)
		parts[n++] = SLICE("; Secure");
	if (http->cookie_httponly && !c->http_only)
		parts[n++] = SLICE("; HttpOnly");
	if (!c->same_site)
		parts[n++] = cookies_same_site(http, add_secure || c->secure);
	return arena_concat(a, parts, n);
}

struct slice
cookies_rewrite(const struct mapping *m, struct slice value, struct arena *a)
{
	struct cookie c;

	if (!cookie_parse(value, &c))
		return value;
	if (!slice_starts_with_nocase(c.pair, SLICE("__Host-")) &&
	    !map_attributes(m, &c, a))
		return SLICE_NONE;
	return cookie_text(m, &c, a);
}

bool
cookies_apply(struct fields *f, const struct mapping *m, struct arena *a)
{
	struct field *v;

	for (v = fields_first(f, FIELD_SET_COOKIE); v != NULL;
	     v = fields_next(f, v)) {
		if (v->value.len == 0)
			continue;
		v->value = cookies_rewrite(m, v->value, a);
		if (v->value.p == NULL)
			return false;
	}
	return true;
}
