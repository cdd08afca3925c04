/*
 * A byte queue with a ceiling: bytes go in at the tail and leave at the head.
 * The storage is linear (slices into it are contiguous), grows on demand up
 * to the ceiling that the caller names, and is given back when told to.
 * Pure.  An empty struct buf (all zero) is a valid, empty buffer without
 * storage, and then it is one pointer: an idle connection has several.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "common/slice.h"

/* buf.c's own */
struct buf_storage {
	size_t head; /* first byte that has not been taken */
	size_t tail; /* one past the last byte */
	size_t cap;
	char data[];
};

struct buf {
	struct buf_storage *storage; /* owned, NULL while nothing is stored */
};

static inline size_t
buf_len(const struct buf *b)
{
	return b->storage == NULL ? 0 : b->storage->tail - b->storage->head;
}

/* 0: it has none. */
static inline size_t
buf_storage_bytes(const struct buf *b)
{
	return b->storage == NULL ? 0 : b->storage->cap;
}

/* The bytes held; valid until the next call that changes the buffer. */
static inline struct slice
buf_slice(const struct buf *b)
{
	const struct buf_storage *s = b->storage;

	if (s == NULL)
		return SLICE_NONE;
	return (struct slice){ s->data + s->head, s->tail - s->head };
}

/* The same, to be changed in place; NULL when there is no storage. */
static inline char *
buf_bytes(struct buf *b)
{
	return b->storage == NULL ? NULL : b->storage->data + b->storage->head;
}

/* How much fits behind them as it is. */
static inline size_t
buf_room_len(const struct buf *b)
{
	return b->storage == NULL ? 0 : b->storage->cap - b->storage->tail;
}

/* buf_reserve()'s, when there is too little room at the tail. */
bool buf_make_room(struct buf *b, size_t want_bytes, size_t max_bytes);

/*
 * Makes room for want_bytes more at the tail, moving or growing the storage;
 * never lets the buffer hold more than max_bytes.  False when that would be
 * needed or memory is short.  Offsets relative to head stay valid, pointers
 * do not.
 */
static inline bool
buf_reserve(struct buf *b, size_t want_bytes, size_t max_bytes)
{
	size_t len = buf_len(b);

	if (len > max_bytes || want_bytes > max_bytes - len)
		return false;
	return buf_room_len(b) >= want_bytes ||
	       buf_make_room(b, want_bytes, max_bytes);
}
/* Where to write after buf_reserve() of a byte or more, and saying how much
 * was written. */
static inline char *
buf_room(struct buf *b)
{
	return b->storage->data + b->storage->tail;
}

void buf_commit(struct buf *b, size_t len_bytes);
/* buf_reserve() and copy; false leaves the buffer as it was. */
bool
buf_append(struct buf *b, const void *p, size_t len_bytes, size_t max_bytes);
/* Takes back what has been appended since it held len_bytes. */
void buf_shorten(struct buf *b, size_t len_bytes);
/* Takes len_bytes off the head; an emptied buffer starts over at 0. */
void buf_consume(struct buf *b, size_t len_bytes);
/* Gives the storage back; the buffer is empty afterwards. */
void buf_release(struct buf *b);
/* Gives the storage back if nothing is held. */
void buf_release_if_empty(struct buf *b);

#endif
