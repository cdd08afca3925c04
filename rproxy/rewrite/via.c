/*
 * Via.  Pure.  Runs in rproxy's worker.  RFC 9110 section 7.6.3.
 */
#include "rproxy/rewrite/via.h"

#include "rproxy/http/field_values.h"

/*
 * The value without its comments; comments nest and may hold quoted pairs.
 * An unbalanced one takes the rest along.
 */
static struct slice
without_comments(struct slice value, struct arena *a)
{
	char *out;
	size_t n = 0;
	unsigned depth = 0;

	if (slice_find(value, '(') == value.len)
		return value;
	out = arena_alloc(a, value.len);
	if (out == NULL)
		return SLICE_NONE;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.p[i];

		if (depth > 0 && c == '\\')
			i++;
		else if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (depth == 0)
			out[n++] = c;
	}
	return slice_trim((struct slice){ out, n });
}

static bool
block_comments(struct fields *f, struct arena *a)
{
	struct field *v;

	for (v = fields_first(f, FIELD_VIA); v != NULL; v = fields_next(f, v)) {
		v->value = without_comments(v->value, a);
		if (v->value.p == NULL)
			return false;
	}
	return true;
}

bool
via_add(struct fields *f, const struct http_conf *http, unsigned minor,
    struct arena *a)
{
	struct slice parts[4] = {
		minor == 0 ? SLICE("1.0 ") : SLICE("1.1 "),
		slice_of(http->via_name),
	};
	size_t n = 2;
	struct slice value;

	if (http->via == VIA_OFF)
		return true;
	if (http->via == VIA_BLOCK && !block_comments(f, a))
		return false;
	if (http->via == VIA_FULL)
		parts[n++] = SLICE(" (rproxy/" VERSION ")");
	value = arena_concat(a, parts, n);
	return value.p != NULL && fields_add(f, SLICE("Via"), value);
}

/* received-by of one element: "HTTP/1.1 name (comment)" gives "name" */
static struct slice
received_by(struct slice element)
{
	struct slice rest = slice_from(element, slice_find(element, ' '));

	rest = slice_trim(rest);
	return slice_first(rest, slice_find(rest, ' '));
}

bool
via_is_loop(const struct fields *f, const struct http_conf *http)
{
	const struct field *v;
	struct slice name = slice_of(http->via_name);

	if (http->via == VIA_OFF)
		return false;
	for (v = fields_first(f, FIELD_VIA); v != NULL; v = fields_next(f, v)) {
		struct slice rest = v->value;
		struct slice element;

		while (list_next(&rest, &element)) {
			if (slice_eq_nocase(received_by(element), name))
				return true;
		}
	}
	return false;
}
