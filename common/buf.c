/*
 * A byte queue with a ceiling.  Pure; used by every process, one or two per
 * connection and direction.
 *
 *	data      head           tail          cap
 *	 |  taken  |    held      |    room     |
 *
 * Bytes move only when room is asked for and there is none behind tail: a
 * short rest to the front, or the whole into storage twice as large.
 */
#include <string.h>

#include "common/buf.h"
#include "common/check.h"
#include "common/mem.h"

#define BUF_MIN_BYTES 1024

static size_t
grown_cap(const struct buf *b, size_t need_bytes, size_t max_bytes)
{
	size_t cap = b->cap < BUF_MIN_BYTES ? BUF_MIN_BYTES : b->cap;

	while (cap < need_bytes && cap <= max_bytes / 2)
		cap *= 2;
	if (cap < need_bytes || cap > max_bytes)
		cap = max_bytes;
	return cap;
}

static bool
grow(struct buf *b, size_t need_bytes, size_t max_bytes)
{
	size_t len = buf_len(b);
	size_t cap = grown_cap(b, need_bytes, max_bytes);
	char *data = mem_try_unzeroed(cap);

	if (data == NULL)
		return false;
	if (len > 0)
		memcpy(data, b->data + b->head, len);
	mem_free(b->data);
	*b = (struct buf){ .data = data, .tail = len, .cap = cap };
	return true;
}

bool
buf_make_room(struct buf *b, size_t want_bytes, size_t max_bytes)
{
	size_t len = buf_len(b);

	if (b->cap - len < want_bytes)
		return grow(b, len + want_bytes, max_bytes);
	memmove(b->data, b->data + b->head, len);
	b->head = 0;
	b->tail = len;
	return true;
}

void
buf_commit(struct buf *b, size_t len_bytes)
{
	CHECK(len_bytes <= buf_room_len(b));
	b->tail += len_bytes;
}

bool
buf_append(struct buf *b, const void *p, size_t len_bytes, size_t max_bytes)
{
	if (!buf_reserve(b, len_bytes, max_bytes))
		return false;
	if (len_bytes > 0)
		memcpy(buf_room(b), p, len_bytes);
	b->tail += len_bytes;
	return true;
}

void
buf_consume(struct buf *b, size_t len_bytes)
{
	CHECK(len_bytes <= buf_len(b));
	b->head += len_bytes;
	if (b->head == b->tail)
		b->head = b->tail = 0;
}

void
buf_release(struct buf *b)
{
	mem_free(b->data);
	*b = (struct buf){ 0 };
}

void
buf_release_if_empty(struct buf *b)
{
	if (buf_len(b) == 0)
		buf_release(b);
}
