/*
 * What the operator must renew in time.  Runs in the master.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/expiry.h"
#include "common/log.h"

#define DAY_S 86400

static const struct {
	int64_t warn_days;
	const char *what;
	const char *before; /* what to do */
	const char *after;  /* what has come of it */
} kinds[] = {
	[PLAN_CERTIFICATE] = { EXPIRY_WARN_DAYS, "certificate of site",
	    "renew it and reload", "clients refuse it" },
	[PLAN_CRL] = { EXPIRY_WARN_CRL_DAYS, "client_crl of site",
	    "fetch the next one and reload",
	    "no client's certificate is accepted" },
};

bool
expiry_text(
    const struct plan_expiry *e, int64_t now_s, char *out, size_t room_bytes)
{
	int64_t left_s = e->at_s - now_s;

	if (left_s > kinds[e->kind].warn_days * DAY_S)
		return false;
	if (left_s <= 0)
		snprintf(out, room_bytes,
		    "%s %s expired %" PRId64 " days ago: %s",
		    kinds[e->kind].what, e->name, -left_s / DAY_S,
		    kinds[e->kind].after);
	else
		snprintf(out, room_bytes,
		    "%s %s expires in %" PRId64 " days: %s",
		    kinds[e->kind].what, e->name, left_s / DAY_S,
		    kinds[e->kind].before);
	return true;
}

void
expiry_warn(const struct plan *p, int64_t now_s)
{
	char text[400];

	for (unsigned i = 0; i < p->n_expiry; i++)
		if (expiry_text(&p->expiry[i], now_s, text, sizeof(text)))
			log_warning("%s", text);
}
