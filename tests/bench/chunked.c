/*
 * Chunked framing, read by origin and load generator.  Pure.
 *
 *	SIZE -> EXTENSION -> DATA -> DATA_END -> SIZE
 *	            |
 *	            +-> TRAILER_START <-> TRAILER      after the chunk of size 0
 *	                     |
 *	                     +-> DONE
 */
#include "tests/bench/chunked.h"

static unsigned
hex_digit(char ch)
{
	if (ch >= '0' && ch <= '9')
		return (unsigned)(ch - '0');
	return (unsigned)((ch | 0x20) - 'a' + 10);
}

static bool
is_hex_digit(char ch)
{
	char low = (char)(ch | 0x20);

	return (ch >= '0' && ch <= '9') || (low >= 'a' && low <= 'f');
}

static void
take_size(struct chunked *c, char ch)
{
	if (c->state == CHUNKED_SIZE && is_hex_digit(ch)) {
		c->chunk_left_bytes = c->chunk_left_bytes * 16 + hex_digit(ch);
		return;
	}
	c->state = CHUNKED_EXTENSION;
	if (ch == '\n')
		c->state = c->chunk_left_bytes > 0 ? CHUNKED_DATA
						   : CHUNKED_TRAILER_START;
}

static void
take_trailer(struct chunked *c, char ch)
{
	if (ch == '\n')
		c->state = c->state == CHUNKED_TRAILER ? CHUNKED_TRAILER_START
						       : CHUNKED_DONE;
	else if (ch != '\r')
		c->state = CHUNKED_TRAILER;
}

static size_t
take_data(struct chunked *c, size_t len_bytes)
{
	size_t n = len_bytes;

	if (n > c->chunk_left_bytes)
		n = (size_t)c->chunk_left_bytes;
	c->chunk_left_bytes -= n;
	c->body_bytes += n;
	if (c->chunk_left_bytes == 0)
		c->state = CHUNKED_DATA_END;
	return n;
}

size_t
chunked_eat(struct chunked *c, const char *p, size_t len_bytes)
{
	size_t i = 0;

	while (i < len_bytes) {
		switch (c->state) {
		case CHUNKED_SIZE:
		case CHUNKED_EXTENSION:
			take_size(c, p[i++]);
			break;
		case CHUNKED_DATA:
			i += take_data(c, len_bytes - i);
			break;
		case CHUNKED_DATA_END:
			if (p[i++] == '\n')
				c->state = CHUNKED_SIZE;
			break;
		case CHUNKED_TRAILER_START:
		case CHUNKED_TRAILER:
			take_trailer(c, p[i++]);
			break;
		case CHUNKED_DONE:
			return i;
		}
	}
	return i;
}
