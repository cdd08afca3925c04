/*
 * rproxy -e URL.
 */
#ifndef RPROXY_EXPLAIN_H
#define RPROXY_EXPLAIN_H

#include "rproxy/config.h"

/*
 * Writes to standard output what would become of a GET of url (absolute,
 * http or https), without sending anything.  Exit status: 0 when it would be
 * answered, by a server or by a redirect; 1 when it would be refused; 2 for a
 * URL that is none.
 */
int explain(const struct rproxy_config *c, const char *url);

#endif
