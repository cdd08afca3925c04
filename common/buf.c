/*
 * A byte queue with a ceiling.  Pure; used by every process, one or two per
 * connection and direction.
 *
 *	storage, data  head           tail          cap
 *	         |  taken  |    held   |    room     |
 *
 * Bytes move only when room is asked for and there is none behind tail: a
 * short rest to the front, or the whole into storage twice as large.
 */
#include <stdint.h>
#include <string.h>

#include "common/buf.h"
#include "common/check.h"
#include "common/mem.h"

#define BUF_MIN_BYTES 1024

static size_t
grown_cap(const struct buf *b, size_t need_bytes, size_t max_bytes)
{
	size_t cap = buf_storage_bytes(b);

	if (cap < BUF_MIN_BYTES)
		cap = BUF_MIN_BYTES;
	while (cap < need_bytes && cap <= max_bytes / 2)
		cap *= 2;
	if (cap < need_bytes || cap > max_bytes)
		cap = max_bytes;
	return cap;
}

static bool
grow(struct buf *b, size_t need_bytes, size_t max_bytes)
{
	struct slice held = buf_slice(b);
	size_t cap = grown_cap(b, need_bytes, max_bytes);
	struct buf_storage *s;

	if (cap > SIZE_MAX - sizeof(*s))
		return false;
	s = mem_try_unzeroed(sizeof(*s) + cap);
	if (s == NULL)
		return false;
	s->head = 0;
	s->tail = held.len;
	s->cap = cap;
	if (held.len > 0)
		memcpy(s->data, held.p, held.len);
	mem_free(b->storage);
	b->storage = s;
	return true;
}

bool
buf_make_room(struct buf *b, size_t want_bytes, size_t max_bytes)
{
	struct buf_storage *s = b->storage;
	size_t len = buf_len(b);

	if (buf_storage_bytes(b) - len < want_bytes)
		return grow(b, len + want_bytes, max_bytes);
	memmove(s->data, s->data + s->head, len);
	s->head = 0;
	s->tail = len;
	return true;
}

void
buf_commit(struct buf *b, size_t len_bytes)
{
	CHECK(len_bytes <= buf_room_len(b));
	if (len_bytes > 0)
		b->storage->tail += len_bytes;
}

bool
buf_append(struct buf *b, const void *p, size_t len_bytes, size_t max_bytes)
{
	if (!buf_reserve(b, len_bytes, max_bytes))
		return false;
	if (len_bytes == 0)
		return true;
	memcpy(buf_room(b), p, len_bytes);
	b->storage->tail += len_bytes;
	return true;
}

void
buf_shorten(struct buf *b, size_t len_bytes)
{
	CHECK(len_bytes <= buf_len(b));
	if (b->storage != NULL)
		b->storage->tail = b->storage->head + len_bytes;
}

void
buf_consume(struct buf *b, size_t len_bytes)
{
	struct buf_storage *s = b->storage;

	CHECK(len_bytes <= buf_len(b));
	if (s == NULL)
		return;
	s->head += len_bytes;
	if (s->head == s->tail)
		s->head = s->tail = 0;
}

void
buf_release(struct buf *b)
{
	mem_free(b->storage);
	b->storage = NULL;
}

void
buf_release_if_empty(struct buf *b)
{
	if (buf_len(b) == 0)
		buf_release(b);
}
