/*
 * The grammars that field values share: tokens, lists, quality.  Pure.
 * RFC 9110 section 5.6.
 */
#ifndef RPROXY_HTTP_FIELD_VALUES_H
#define RPROXY_HTTP_FIELD_VALUES_H

#include <stdbool.h>

#include "common/slice.h"

bool is_tchar(char c);
/* How many token characters there are at the start. */
size_t token_len(struct slice s);
bool is_token(struct slice s); /* not empty */
/* HTAB, SP, VCHAR and obs-text only. */
bool is_field_char(char c);
/* How many of them there are at the start. */
size_t field_value_len(struct slice s);
bool is_field_value(struct slice s);
/*
 * Takes the next element off a comma-separated list, trimmed, empty ones
 * skipped (RFC 9110 section 5.6.1.2).  A comma within a quoted string does
 * not separate.  False at the end.
 */
bool list_next(struct slice *rest, struct slice *element);
/* Whether a list of tokens holds this one, case-insensitive. */
bool list_has_token(struct slice list, struct slice token);

#endif
