/*
 * Accept.  Pure; runs in the worker, for error pages.  RFC 9110 sections
 * 12.4.2 and 12.5.1: the most exact range that fits a type decides.  A script
 * names JSON, maybe with "anything" behind it; a browser names HTML; of one
 * that takes anything nothing is known, so it gets what a person can read.
 */
#include "rproxy/http/accept.h"

#include "rproxy/http/field_values.h"

enum exactness {
	FITS_NOT,
	FITS_ALL,  /* all types */
	FITS_MAIN, /* application/... */
	FITS_TYPE,
};

struct wish {
	enum exactness how;
	unsigned quality; /* 0 to 1000 */
};

/* "0.8": 800; what is malformed counts as 1. */
static unsigned
parse_quality(struct slice s)
{
	unsigned q = 0, scale = 100;

	if (s.len == 0 || (s.p[0] != '0' && s.p[0] != '1'))
		return 1000;
	if (s.p[0] == '1' || s.len < 3 || s.p[1] != '.')
		return s.p[0] == '1' ? 1000 : 0;
	for (size_t i = 2; i < s.len && i < 5; i++, scale /= 10) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return 1000;
		q += (unsigned)(s.p[i] - '0') * scale;
	}
	return q;
}

static unsigned
quality_of(struct slice parameters)
{
	struct slice p;

	while (slice_split(&parameters, ';', &p)) {
		p = slice_trim(p);
		if (p.len > 2 && ascii_lower(p.p[0]) == 'q' && p.p[1] == '=')
			return parse_quality(slice_from(p, 2));
	}
	return 1000;
}

static enum exactness
fits(struct slice range, struct slice type)
{
	size_t main = slice_find(type, '/') + 1;

	if (slice_eq_nocase(range, type))
		return FITS_TYPE;
	if (slice_eq(range, SLICE("*/*")))
		return FITS_ALL;
	if (range.len == main + 1 && range.p[main] == '*' &&
	    slice_eq_nocase(slice_first(range, main), slice_first(type, main)))
		return FITS_MAIN;
	return FITS_NOT;
}

static void
take_element(struct slice element, struct slice type, struct wish *w)
{
	size_t end = slice_find(element, ';');
	enum exactness how = fits(slice_trim(slice_first(element, end)), type);

	if (how <= w->how)
		return;
	w->how = how;
	w->quality = quality_of(slice_from(element, end + 1));
}

static struct wish
wish_for(const struct fields *f, struct slice type)
{
	struct wish w = { FITS_NOT, 0 };
	const struct field *a;

	for (a = fields_first(f, FIELD_ACCEPT); a != NULL;
	     a = fields_next(f, a)) {
		struct slice rest = a->value, element;

		while (list_next(&rest, &element))
			take_element(element, type, &w);
	}
	return w;
}

static bool
is_rather(struct wish json, struct wish html)
{
	if (json.how != FITS_TYPE || json.quality == 0)
		return false;
	if (json.quality != html.quality)
		return json.quality > html.quality;
	return html.how != FITS_TYPE;
}

bool
accept_prefers_json(const struct fields *f)
{
	struct wish html = wish_for(f, SLICE("text/html"));

	return is_rather(wish_for(f, SLICE("application/json")), html) ||
	       is_rather(wish_for(f, SLICE("application/problem+json")), html);
}
