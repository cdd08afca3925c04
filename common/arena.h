/*
 * A bump allocator for things that die together: one exchange, one header
 * rewriting.  Takes nothing until the first use, then blocks, up to a
 * ceiling.  Pure.
 */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include <stddef.h>

#include "common/slice.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* owned, newest first */
	char *next;
	size_t left_bytes;
	size_t total_bytes; /* in blocks */
	size_t max_bytes;
};

void arena_init(struct arena *a, size_t max_bytes);
/* Aligned for any type, not zeroed; NULL above the ceiling. */
void *arena_alloc(struct arena *a, size_t len_bytes);
/* A copy; SLICE_NONE (p == NULL) above the ceiling. */
struct slice arena_copy(struct arena *a, struct slice s);
/* The parts one after the other. */
struct slice
arena_concat(struct arena *a, const struct slice *parts, size_t n_parts);
struct slice arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Everything is gone; one block is kept for the next use. */
void arena_reset(struct arena *a);
void arena_fini(struct arena *a);

#endif
