/*
 * What may stand in rproxy.ini.  For rproxy/config.c, and for the test that
 * compares the manual with it.
 */
#ifndef RPROXY_CONFIG_SCHEMA_H
#define RPROXY_CONFIG_SCHEMA_H

#include "common/schema.h"

extern const struct schema rproxy_schema; /* fills struct rproxy_config */

#endif
