/*
 * The keys of [http].
 */
#ifndef COMMON_SITE_HTTP_SCHEMA_H
#define COMMON_SITE_HTTP_SCHEMA_H

#include "common/schema.h"

#define SITE_HTTP_KEYS 29

extern const struct schema_key site_http_keys[SITE_HTTP_KEYS];

#endif
