/*
 * Connection and the fields it names.  Pure.  Runs in rproxy's worker.
 * RFC 9110 section 7.6.1.
 */
#include "rproxy/rewrite/hop_by_hop.h"

#include "common/check.h"
#include "rproxy/http/field_values.h"
#include "rproxy/rewrite/claims.h"

/*
 * Each costs a look at all fields: the thirty thousand that fit into a header
 * would be work of ten milliseconds.  Nobody needs five.
 */
#define MAX_OPTIONS 50

#define HOP_BY_HOP                                                             \
	(FIELD_BIT(FIELD_CONNECTION) | FIELD_BIT(FIELD_KEEP_ALIVE) |           \
	    FIELD_BIT(FIELD_PROXY_CONNECTION) | FIELD_BIT(FIELD_TE) |          \
	    FIELD_BIT(FIELD_TRAILER) | FIELD_BIT(FIELD_TRANSFER_ENCODING) |    \
	    FIELD_BIT(FIELD_UPGRADE))

/*
 * End-to-end fields whose removal changes what a request means: a sender that
 * names one of them is up to something.  What we state ourselves
 * (claims_is_claim) belongs here too: CVE-2022-31813.
 */
static const struct slice end_to_end[] = {
	{ "authorization", 13 },
	{ "cache-control", 13 },
	{ "content-encoding", 16 },
	{ "content-length", 14 },
	{ "content-range", 13 },
	{ "content-type", 12 },
	{ "cookie", 6 },
	{ "date", 4 },
	{ "expect", 6 },
	{ "host", 4 },
	{ "location", 8 },
	{ "origin", 6 },
	{ "range", 5 },
	{ "set-cookie", 10 },
	{ "via", 3 },
};

static bool
is_end_to_end(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(end_to_end); i++) {
		if (slice_eq_nocase(name, end_to_end[i]))
			return true;
	}
	return claims_is_claim(name);
}

/* One option of a Connection field. */
static enum reason
take_option(struct fields *f, struct slice option, struct hop_by_hop *out)
{
	if (!is_token(option))
		return REASON_BAD_CONNECTION;
	if (slice_eq_nocase(option, SLICE("close"))) {
		out->close = true;
		return REASON_OK;
	}
	if (slice_eq_nocase(option, SLICE("keep-alive"))) {
		out->keep_alive = true;
		return REASON_OK;
	}
	if (slice_eq_nocase(option, SLICE("upgrade"))) {
		out->upgrade = true;
		return REASON_OK;
	}
	/* dropped below with the others, when all options have been read */
	if (slice_eq_nocase(option, SLICE("connection")) ||
	    slice_eq_nocase(option, SLICE("te")) ||
	    slice_eq_nocase(option, SLICE("proxy-connection")))
		return REASON_OK;
	if (is_end_to_end(option))
		return REASON_BAD_CONNECTION;
	fields_drop_name(f, option);
	return REASON_OK;
}

enum reason
hop_by_hop_remove(struct fields *f, struct hop_by_hop *out)
{
	const struct field *c;
	const struct field *upgrade;
	unsigned n_options = 0;

	*out = (struct hop_by_hop){ 0 };
	for (c = fields_first(f, FIELD_CONNECTION); c != NULL;
	     c = fields_next(f, c)) {
		struct slice rest = c->value;
		struct slice option;

		while (list_next(&rest, &option)) {
			enum reason why = take_option(f, option, out);

			if (++n_options > MAX_OPTIONS)
				why = REASON_BAD_CONNECTION;
			if (why != REASON_OK)
				return why;
		}
	}
	upgrade = fields_first(f, FIELD_UPGRADE);
	out->upgrade = out->upgrade && upgrade != NULL;
	if (out->upgrade)
		out->upgrade_to = upgrade->value;
	fields_drop_all(f, HOP_BY_HOP);
	return REASON_OK;
}
