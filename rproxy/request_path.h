/*
 * Which path a request is for, as the servers behind us may read it.  Pure.
 */
#ifndef RPROXY_REQUEST_PATH_H
#define RPROXY_REQUEST_PATH_H

#include "rproxy/request_rules.h"

/*
 * p->target.path into p->normal_path and, where it has encoded slashes, with
 * those as separators into p->split_path.
 */
enum reason request_path_read(struct request_plan *p, struct arena *a);
/* Whether the site lets either reading pass: REASON_OK, REASON_DENIED. */
enum reason request_path_check_rules(const struct request_plan *p);
/* The route and the prefix that matched; both readings must have the same. */
enum reason request_path_find_route(struct request_plan *p);

#endif
