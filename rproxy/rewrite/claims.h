/*
 * What a client says about itself in headers that only a gateway may set,
 * as a table.  Pure.
 */
#ifndef RPROXY_REWRITE_CLAIMS_H
#define RPROXY_REWRITE_CLAIMS_H

#include <stdbool.h>

#include "common/slice.h"
#include "rproxy/http/fields.h"

/* Whether the name is on the list: any case, '_' equal to '-'. */
bool claims_is_claim(struct slice name);
/* Drops all of them: before anything of ours is added. */
void claims_strip(struct fields *f);

#endif
