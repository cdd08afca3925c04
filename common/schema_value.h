/*
 * One value of a schema: from text into its field, and out of it again.  For
 * common/schema.c.
 */
#ifndef COMMON_SCHEMA_VALUE_H
#define COMMON_SCHEMA_VALUE_H

#include "common/schema.h"

/* Stores v->text in v->field in the way of its kind, or adds a fault. */
void schema_value_take(const struct schema_value *v);
/* Frees what a key stored in its field and zeroes the field. */
void schema_value_release(const struct schema_key *key, void *field);

#endif
