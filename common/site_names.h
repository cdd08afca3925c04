/*
 * From a host name to the site that claims it: SNI in tlsd, Host in rproxy.
 * Built once at start; a look-up costs one hash look-up, and one more per
 * label where wildcards are in use.  Pure.
 */
#ifndef COMMON_SITE_NAMES_H
#define COMMON_SITE_NAMES_H

#include "common/site_conf.h"
#include "common/slice.h"

struct site_names;

struct site_names *site_names_new(const struct site_list *sites); /* borrowed */
void site_names_free(struct site_names *s);
/*
 * name without port and brackets, in any case, with or without a final dot:
 * the exact name, then the longest "*." name above it, then the default
 * site; NULL when there is none.
 */
const struct site_conf *
site_names_find(const struct site_names *s, struct slice name);

#endif
