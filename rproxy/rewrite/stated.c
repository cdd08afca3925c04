/*
 * Lists of a trusted peer.  Pure.  Runs in rproxy's worker, for requests from
 * trust_from.
 */
#include "rproxy/rewrite/stated.h"

#include "common/check.h"
#include "rproxy/http/field_values.h"
#include "rproxy/rewrite/claims.h"

struct list {
	struct slice name;
	bool has_quotes;    /* RFC 7239; the others are nobody's standard */
	bool has_addresses; /* of the gateways on the way, too */
};

static const struct list lists[] = {
	{ { "Forwarded", 9 }, true, false },
	{ { "X-Forwarded-For", 15 }, false, true },
	{ { "X-Forwarded-Host", 16 }, false, false },
	{ { "X-Forwarded-Port", 16 }, false, false },
	{ { "X-Forwarded-Proto", 17 }, false, false },
};

/* A quotation mark of a client must not swallow what was put behind it. */
static bool
next_value(const struct list *l, struct slice *rest, struct slice *value)
{
	if (l->has_quotes)
		return list_next(rest, value);
	while (slice_split(rest, ',', value)) {
		*value = slice_trim(*value);
		if (value->len > 0)
			return true;
	}
	return false;
}

static bool
is_of_us(const struct http_conf *http, struct slice value)
{
	struct addr a;

	return addr_parse_ip(value, 0, &a) && claims_is_trusted(http, &a);
}

static void
settle(struct fields *f, const struct http_conf *http, const struct list *l)
{
	struct slice value, chosen = SLICE_NONE;
	struct field *last = NULL;

	for (unsigned i = 0; i < f->n; i++) {
		struct field *v = &f->v[i];
		struct slice rest = v->value;

		if (v->drop || !claims_is_same(v->name, l->name))
			continue;
		while (next_value(l, &rest, &value))
			if (chosen.len == 0 || !l->has_addresses ||
			    !is_of_us(http, value))
				chosen = value;
		v->drop = true;
		last = v;
	}
	if (chosen.len == 0)
		return;
	last->value = chosen;
	last->drop = false;
}

struct slice
stated_client(const struct fields *f)
{
	const struct slice name = SLICE("X-Forwarded-For");
	struct addr ignored;

	for (unsigned i = 0; i < f->n; i++)
		if (!f->v[i].drop && claims_is_same(f->v[i].name, name) &&
		    addr_parse_ip(f->v[i].value, 0, &ignored))
			return f->v[i].value;
	return SLICE_NONE;
}

void
stated_settle(struct fields *f, const struct http_conf *http)
{
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		settle(f, http, &lists[i]);
}
