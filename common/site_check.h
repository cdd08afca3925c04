/*
 * What no single line of a site file tells.  For common/site_conf.c.
 */
#ifndef COMMON_SITE_CHECK_H
#define COMMON_SITE_CHECK_H

#include "common/conf.h"
#include "common/site_conf.h"

/*
 * Completes one site that the schema has filled: its routes find their pools
 * and time-outs.  Adds the faults of this file.
 */
void site_check_one(struct site_conf *site, struct conf_faults *f);
/* Names claimed twice, two defaults. */
void site_check_all(const struct site_list *l, struct conf_faults *f);

#endif
