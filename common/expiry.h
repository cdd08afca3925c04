/*
 * What the operator must renew in time (certificates,
 * lists of revoked ones), as log lines.  Runs in
 * the master: at start, on reload and once a day.
 */
#ifndef COMMON_EXPIRY_H
#define COMMON_EXPIRY_H

#include "common/plan.h"

#define EXPIRY_WARN_DAYS 14
/* CAs make a new list each week or day, so more would be noise. */
#define EXPIRY_WARN_CRL_DAYS 2

/*
 * "certificate of site portal expires in 9 days"; false when it is not time
 * to say so.  Pure.
 */
bool expiry_text(
    const struct plan_expiry *e, int64_t now_s, char *out, size_t room_bytes);
/* A warning for each that it is time for. */
void expiry_warn(const struct plan *p, int64_t now_s);

#endif
