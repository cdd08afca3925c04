/*
 * Regular expressions with a bound on what one match may cost.  Pure.
 */
#ifndef RPROXY_ROUTE_PATTERN_H
#define RPROXY_ROUTE_PATTERN_H

#include <stdbool.h>

#include "common/slice.h"

#define PATTERN_GROUPS 10 /* $0 to $9 */

struct pattern;

/*
 * Perl's syntax, on bytes.  NULL: error says why, and where in text.  The
 * caller frees; NULL is fine there.
 */
struct pattern *pattern_new(const char *text, char *error, size_t room_bytes);
void pattern_free(struct pattern *p);
/* Groups in parentheses. */
unsigned pattern_n_groups(const struct pattern *p);

enum pattern_verdict {
	PATTERN_NO,
	PATTERN_YES,
	PATTERN_LIMIT, /* it would take too long: neither yes nor no */
};

/* Slices point into subject; a group that took no part is empty. */
enum pattern_verdict pattern_match(const struct pattern *p,
    struct slice subject, struct slice groups[PATTERN_GROUPS]);

#endif
