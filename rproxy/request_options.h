/*
 * OPTIONS that is for the gateway itself.  Pure.  RFC 9110 sections 7.6.2 and
 * 9.3.7.
 */
#ifndef RPROXY_REQUEST_OPTIONS_H
#define RPROXY_REQUEST_OPTIONS_H

#include "rproxy/request_rules.h"

/*
 * Of an OPTIONS request: Max-Forwards is counted down, or action becomes
 * REQUEST_OPTIONS.  Of any other the field is none of our business; TRACE is
 * refused whatever it says.
 */
enum reason request_options_plan(
    struct request_head *r, struct request_plan *p, struct arena *a);

#endif
