/*
 * Chunked framing, RFC 9112 section 7.1, as far as a benchmark on loopback
 * needs it: counts body bytes and finds the end.  Extensions and trailers are
 * skipped, sloppy framing is not refused.  Pure: the origin reads requests
 * with it, the load generator responses.
 */
#ifndef TESTS_BENCH_CHUNKED_H
#define TESTS_BENCH_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum chunked_state {
	CHUNKED_SIZE,
	CHUNKED_EXTENSION,
	CHUNKED_DATA,
	CHUNKED_DATA_END,
	CHUNKED_TRAILER_START,
	CHUNKED_TRAILER,
	CHUNKED_DONE
};

/* All zero is the state before the first byte. */
struct chunked {
	enum chunked_state state;
	uint64_t chunk_left_bytes;
	uint64_t body_bytes;
};

/* How many of the bytes belong to this body; all of them unless it ended. */
size_t chunked_eat(struct chunked *c, const char *p, size_t len_bytes);

#endif
