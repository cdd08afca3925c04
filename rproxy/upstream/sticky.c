/*
 * Stickiness.  Pure; runs in rproxy's worker, once per request to a pool of
 * several servers.
 *
 *	Tomcat, WildFly, Jetty	JSESSIONID=<session>.<id>
 *	WebLogic		JSESSIONID=<session>!<id>!<second id>
 *	WebSphere		JSESSIONID=<session>:<id>:<another>
 *	SAP Java		saplb_<group>=(<id>)<node>
 *	SAP ABAP		sap-contextid=SID:ANON:<id>:<context>, escaped
 *	any			ROUTEID=<hash of the server>, ours
 *
 * The same text may stand in the path, ";jsessionid=..." (any case), where it
 * comes before the cookie: an application that wrote it there means it.
 * Several cookies of one name are usual, one for each path; all are tried.
 *
 * When a server is gone and another one takes the session over, that one
 * writes its own id into the cookie and is asked for from then on: nothing has
 * to be remembered here.
 */
#include "rproxy/upstream/sticky.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/check.h"
#include "common/siphash.h"

#define VALUE_MAX 512

/* Takes the ids out of a decoded value, the best one first. */
typedef void id_parser(struct slice value, struct slice id[STICKY_WISHES]);

struct form {
	const char *cookie;
	bool is_beginning; /* "saplb_": a group's name follows */
	id_parser *parse;
};

/* Behind each dot: ids may have some, "node1.example.com". */
static void
after_dots(struct slice value, struct slice id[STICKY_WISHES])
{
	struct slice part;

	for (unsigned i = 0; i < STICKY_WISHES; i++) {
		(void)slice_split(&value, '.', &part);
		id[i] = value;
	}
}

static void
after_each(struct slice value, char mark, struct slice id[STICKY_WISHES])
{
	struct slice part;

	(void)slice_split(&value, mark, &part);
	for (unsigned i = 0; i < STICKY_WISHES; i++)
		if (!slice_split(&value, mark, &id[i]))
			return;
}

static void
after_bangs(struct slice value, struct slice id[STICKY_WISHES])
{
	after_each(value, '!', id);
}

static void
after_colons(struct slice value, struct slice id[STICKY_WISHES])
{
	after_each(value, ':', id);
}

static void
in_parentheses(struct slice value, struct slice id[STICKY_WISHES])
{
	size_t open = slice_find(value, '(');
	struct slice rest = slice_from(value, open + 1);
	size_t shut = slice_find(rest, ')');

	if (shut < rest.len)
		id[0] = slice_first(rest, shut);
}

static void
third_part(struct slice value, struct slice id[STICKY_WISHES])
{
	struct slice part;

	if (slice_split(&value, ':', &part) &&
	    slice_split(&value, ':', &part) && slice_split(&value, ':', &part))
		id[0] = part;
}

static const struct form forms[] = {
	[APP_TOMCAT] = { "JSESSIONID", false, after_dots },
	[APP_WILDFLY] = { "JSESSIONID", false, after_dots },
	[APP_JETTY] = { "JSESSIONID", false, after_dots },
	[APP_WEBLOGIC] = { "JSESSIONID", false, after_bangs },
	[APP_WEBSPHERE] = { "JSESSIONID", false, after_colons },
	[APP_SAP_JAVA] = { "saplb_", true, in_parentheses },
	[APP_SAP_ABAP] = { "sap-contextid", false, third_part },
	[APP_RFC] = { NULL, false, NULL },
};

/* the whole value, for a cookie of ours */
static void
whole(struct slice value, struct slice id[STICKY_WISHES])
{
	id[0] = value;
}

static const struct form own_form = { STICKY_OWN_COOKIE, false, whole };

/* our cookie --------------------------------------------------------------- */

static void
token_of(const struct pool_conf *pool, unsigned server, char out[17])
{
	const struct server_conf *s = &pool->server[server];
	struct siphash_key key = siphash_key_of(slice_of(pool->sticky_key));
	char text[300];
	int n;

	if (s->id != NULL)
		n = snprintf(text, sizeof(text), "%s", s->id);
	else
		n = snprintf(
		    text, sizeof(text), "%s:%u", s->host, (unsigned)s->port);
	CHECK(n > 0);
	(void)snprintf(out, 17, "%016" PRIx64,
	    siphash(&key, slice_first(slice_of(text), (size_t)n)));
}

/*
 * It goes wherever the session's own cookie goes: were it kept from the POST
 * with which an identity provider sends a browser back, that one would reach a
 * server that does not know the session.
 */
struct slice
sticky_cookie(const struct pool_conf *pool, unsigned server, bool secure,
    struct slice same_site, struct arena *a)
{
	const char *name =
	    pool->sticky_cookie != NULL ? pool->sticky_cookie : own_form.cookie;
	char token[17];

	token_of(pool, server, token);
	return arena_printf(a, "%s=%s; Path=/; HttpOnly%s%.*s", name, token,
	    secure ? "; Secure" : "", SLICE_FMT(same_site));
}

/* wishes ------------------------------------------------------------------- */

struct reader {
	const struct pool_conf *pool;
	const struct form *form;
	struct sticky_wishes *out;
};

static bool
is_server(const struct reader *r, unsigned i, struct slice id)
{
	char token[17];

	if (r->form != &own_form)
		return r->pool->server[i].id != NULL &&
		       slice_eq(id, slice_of(r->pool->server[i].id));
	token_of(r->pool, i, token);
	return slice_eq(id, slice_of(token));
}

static bool
has_wish(const struct sticky_wishes *w, unsigned server)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->server[i] == server)
			return true;
	return false;
}

static void
take_id(struct reader *r, struct slice id)
{
	struct sticky_wishes *w = r->out;

	for (unsigned i = 0; i < r->pool->n_server; i++) {
		if (!is_server(r, i, id))
			continue;
		if (!has_wish(w, i) && w->n < STICKY_WISHES)
			w->server[w->n++] = i;
		return;
	}
}

static int
hex_digit(char c)
{
	c = ascii_lower(c);
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A bad escape stays what it is: it will not be an id that we know. */
static struct slice
unescape(struct slice s, char out[VALUE_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		int high = i + 2 < s.len ? hex_digit(s.p[i + 1]) : -1;
		int low = i + 2 < s.len ? hex_digit(s.p[i + 2]) : -1;

		if (s.p[i] != '%' || high < 0 || low < 0) {
			out[n++] = s.p[i];
			continue;
		}
		out[n++] = (char)(high << 4 | low);
		i += 2;
	}
	return (struct slice){ out, n };
}

static void
take_value(struct reader *r, struct slice value)
{
	struct slice id[STICKY_WISHES] = { SLICE_NONE };
	char text[VALUE_MAX];

	if (value.len > 1 && value.p[0] == '"' && value.p[value.len - 1] == '"')
		value = slice_first(slice_from(value, 1), value.len - 2);
	if (value.len > VALUE_MAX) /* nobody's session id */
		return;
	r->form->parse(unescape(value, text), id);
	for (unsigned i = 0; i < STICKY_WISHES; i++)
		if (id[i].len > 0)
			take_id(r, id[i]);
}

static bool
is_name(const struct reader *r, struct slice name, bool in_path)
{
	const char *own = r->pool->sticky_cookie;
	struct slice want = slice_of(own != NULL ? own : r->form->cookie);

	if (r->form->is_beginning && own == NULL)
		name = slice_first(name, want.len);
	return in_path ? slice_eq_nocase(name, want) : slice_eq(name, want);
}

/* "name=value" of a cookie or a path parameter */
static void
take_pair(struct reader *r, struct slice pair, bool in_path)
{
	size_t eq = slice_find(pair, '=');

	if (eq < pair.len && is_name(r, slice_first(pair, eq), in_path))
		take_value(r, slice_from(pair, eq + 1));
}

static void
read_path(struct reader *r, struct slice target)
{
	struct slice path = slice_first(target, slice_find(target, '?'));
	struct slice segment, part;

	if (slice_find(path, ';') == path.len)
		return;
	while (slice_split(&path, '/', &segment)) {
		(void)slice_split(&segment, ';', &part);
		while (slice_split(&segment, ';', &part))
			take_pair(r, part, true);
	}
}

static void
read_cookies(struct reader *r, const struct fields *f)
{
	const struct field *v;

	for (v = fields_first(f, FIELD_COOKIE); v != NULL;
	     v = fields_next(f, v)) {
		struct slice rest = v->value, pair;

		while (slice_split(&rest, ';', &pair))
			take_pair(r, slice_trim(pair), false);
	}
}

void
sticky_read(const struct pool_conf *pool, enum app_kind app,
    struct slice target, const struct fields *f, struct sticky_wishes *out)
{
	struct reader r = { .pool = pool, .out = out };

	out->n = 0;
	if (pool->sticky == STICKY_NONE || pool->n_server < 2)
		return;
	CHECK((size_t)app < ARRAY_LEN(forms));
	r.form = pool->sticky == STICKY_COOKIE ? &own_form : &forms[app];
	if (r.form->parse == NULL)
		return;
	if (r.form != &own_form)
		read_path(&r, target);
	read_cookies(&r, f);
}
