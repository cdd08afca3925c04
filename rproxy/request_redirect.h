/*
 * Redirects that are decided before any server is asked.  Pure.  Each plans
 * one (action, status, location of the plan), or leaves the plan as it is
 * where there is none; REASON_NO_MEMORY.
 */
#ifndef RPROXY_REQUEST_REDIRECT_H
#define RPROXY_REQUEST_REDIRECT_H

#include "rproxy/request_rules.h"

/* https_redirect and root_redirect, in this order. */
enum reason request_redirect_site(struct request_plan *p, enum method m,
    const struct client_facts *who, struct arena *a);
/* To the same address on https. */
enum reason
request_redirect_https(struct request_plan *p, enum method m, struct arena *a);
/* To what a rule says: target is its "to" with the groups put in. */
enum reason request_redirect_rule(struct request_plan *p,
    const struct rule_conf *rule, struct slice target, enum method m,
    const struct client_facts *who, struct arena *a);

#endif
