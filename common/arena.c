/*
 * A bump allocator.  Pure; one per exchange in rproxy's workers, and where a
 * transformation builds strings.
 *
 *	blocks -> newest (next, left_bytes point into it) -> older -> ...
 *
 * What is larger than a block gets one of its own, behind the newest, so that
 * the rest of the newest is not lost.  The ceiling counts whole blocks: it is
 * about the memory that a peer can make us take.
 */
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/check.h"
#include "common/mem.h"

#define ARENA_BLOCK_BYTES 4096
#define ARENA_ALIGN alignof(max_align_t)

struct arena_block {
	struct arena_block *older; /* owned */
	size_t len_bytes;
	alignas(max_align_t) char data[];
};

void
arena_init(struct arena *a, size_t max_bytes)
{
	*a = (struct arena){ .max_bytes = max_bytes };
}

static void
start_block(struct arena *a, struct arena_block *b)
{
	a->blocks = b;
	a->next = b->data;
	a->left_bytes = b->len_bytes;
}

static struct arena_block *
new_block(struct arena *a, size_t len_bytes)
{
	size_t may_bytes = a->max_bytes - a->total_bytes;
	struct arena_block *b;

	if (len_bytes > may_bytes)
		return NULL;
	if (len_bytes < ARENA_BLOCK_BYTES)
		len_bytes = may_bytes < ARENA_BLOCK_BYTES ? may_bytes
							  : ARENA_BLOCK_BYTES;
	b = mem_try_unzeroed(sizeof(*b) + len_bytes);
	if (b == NULL)
		return NULL;
	*b = (struct arena_block){ .len_bytes = len_bytes };
	a->total_bytes += len_bytes;
	return b;
}

static void *
alloc_from_new_block(struct arena *a, size_t len_bytes)
{
	struct arena_block *b = new_block(a, len_bytes);

	if (b == NULL)
		return NULL;
	if (len_bytes > ARENA_BLOCK_BYTES && a->blocks != NULL) {
		b->older = a->blocks->older;
		a->blocks->older = b;
		return b->data;
	}
	b->older = a->blocks;
	start_block(a, b);
	a->next += len_bytes;
	a->left_bytes -= len_bytes;
	return b->data;
}

void *
arena_alloc(struct arena *a, size_t len_bytes)
{
	char *p = a->next;

	if (len_bytes > a->max_bytes)
		return NULL;
	/* no two objects at one place, none across an alignment */
	len_bytes = len_bytes == 0 ? 1 : len_bytes;
	len_bytes = (len_bytes + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	if (len_bytes > a->left_bytes)
		return alloc_from_new_block(a, len_bytes);
	a->next += len_bytes;
	a->left_bytes -= len_bytes;
	return p;
}

struct slice
arena_copy(struct arena *a, struct slice s)
{
	return arena_concat(a, &s, 1);
}

struct slice
arena_concat(struct arena *a, const struct slice *parts, size_t n_parts)
{
	size_t len = 0;
	size_t at = 0;
	char *p;

	for (size_t i = 0; i < n_parts; i++) {
		if (parts[i].len > a->max_bytes - len)
			return SLICE_NONE;
		len += parts[i].len;
	}
	p = arena_alloc(a, len);
	if (p == NULL)
		return SLICE_NONE;
	for (size_t i = 0; i < n_parts; i++) {
		if (parts[i].len > 0)
			memcpy(p + at, parts[i].p, parts[i].len);
		at += parts[i].len;
	}
	return (struct slice){ p, len };
}

struct slice
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	struct slice out = SLICE_NONE;
	char *p;
	int len;

	va_start(ap, fmt);
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, ap);
	CHECK(len >= 0);
	p = arena_alloc(a, (size_t)len + 1);
	if (p != NULL) {
		vsnprintf(p, (size_t)len + 1, fmt, again);
		out = (struct slice){ p, (size_t)len };
	}
	va_end(again);
	va_end(ap);
	return out;
}

static void
free_blocks(struct arena_block *b)
{
	while (b != NULL) {
		struct arena_block *older = b->older;

		mem_free(b);
		b = older;
	}
}

void
arena_reset(struct arena *a)
{
	struct arena_block *b = a->blocks;

	/* one large request must not leave its memory with an idle client */
	if (b == NULL || b->len_bytes > ARENA_BLOCK_BYTES) {
		arena_fini(a);
		return;
	}
	free_blocks(b->older);
	b->older = NULL;
	a->total_bytes = b->len_bytes;
	start_block(a, b);
}

void
arena_fini(struct arena *a)
{
	free_blocks(a->blocks);
	arena_init(a, a->max_bytes);
}
