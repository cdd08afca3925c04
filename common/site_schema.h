/*
 * What may stand in a site file.  For common/site_conf.c, and for the test
 * that compares the manual with it.
 */
#ifndef COMMON_SITE_SCHEMA_H
#define COMMON_SITE_SCHEMA_H

#include "common/schema.h"

extern const struct schema site_schema; /* fills struct site_conf */

#endif
