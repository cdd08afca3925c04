/*
 * What may stand in tlsd.ini.  For tlsd/config.c, and for the test that
 * compares the manual with it.
 */
#ifndef TLSD_CONFIG_SCHEMA_H
#define TLSD_CONFIG_SCHEMA_H

#include "common/schema.h"

extern const struct schema tlsd_schema; /* fills struct tlsd_config */

#endif
