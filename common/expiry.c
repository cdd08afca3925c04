/*
 * What the operator must renew in time.  Runs in the master.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/expiry.h"
#include "common/log.h"

#define DAY_S 86400

bool
expiry_text(
    const struct plan_expiry *e, int64_t now_s, char *out, size_t room_bytes)
{
	int64_t left_s = e->at_s - now_s;

	if (left_s > (int64_t)EXPIRY_WARN_DAYS * DAY_S)
		return false;
	if (left_s <= 0)
		snprintf(out, room_bytes,
		    "certificate of site %s expired %" PRId64 " days ago: "
		    "clients refuse it",
		    e->name, -left_s / DAY_S);
	else
		snprintf(out, room_bytes,
		    "certificate of site %s expires in %" PRId64 " days: "
		    "renew it and reload",
		    e->name, left_s / DAY_S);
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
