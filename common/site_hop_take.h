/*
 * How the values of some keys of a site file get into their objects: those
 * that need more than a line of the table in common/site_schema.c.  For
 * struct schema_key; at start-up.
 */
#ifndef COMMON_SITE_HOP_TAKE_H
#define COMMON_SITE_HOP_TAKE_H

#include "common/schema.h"

/* upgrade: the field is a struct string_list of lower-case tokens. */
void site_hop_take_upgrade(const struct schema_value *v);
/* error_page: the field is a struct error_page_list. */
void site_hop_take_error_page(const struct schema_value *v);
void site_hop_release_error_pages(void *field);

#endif
