/*
 * Numbers as text: strict, overflow-safe, whole input or nothing.  Pure.
 */
#ifndef COMMON_NUMBER_H
#define COMMON_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

/* 1*DIGIT and nothing else (RFC 9110 section 8.6); false on overflow. */
bool number_parse(struct slice s, uint64_t *value);
/* 1*HEXDIG; false on overflow. */
bool number_parse_hex(struct slice s, uint64_t *value);
/* "500ms" "10s" "5m" "2h" "7d" "1y"; "0" alone is allowed.  Result in ms. */
bool number_parse_duration(struct slice s, uint64_t *value_ms);
/* "4096" "64k" "100m" "2g", powers of 1024.  Result in bytes. */
bool number_parse_size(struct slice s, uint64_t *value_bytes);
/* Writes decimal digits, returns how many (at most 20), no terminator. */
size_t number_format(char *out, uint64_t value);
/* Lower-case hex of len_bytes; out has 2 * len_bytes of room. */
void number_format_hex(char *out, const void *in, size_t len_bytes);
/* Base64 (RFC 4648 section 4, padded, one line); returns the length. */
size_t number_base64_len(size_t in_bytes);
size_t number_format_base64(char *out, const void *in, size_t len_bytes);

#endif
