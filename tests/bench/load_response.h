/*
 * One HTTP/1.1 response as the load generator reads it: status, length, end.
 * Pure: bytes in, struct out.
 */
#ifndef TESTS_BENCH_LOAD_RESPONSE_H
#define TESTS_BENCH_LOAD_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/chunked.h"

#define LOAD_RESPONSE_HEAD_MAX 4096

enum load_verdict {
	LOAD_MORE,
	LOAD_DONE,
	LOAD_BAD
};

struct load_response {
	char head[LOAD_RESPONSE_HEAD_MAX];
	size_t head_bytes;
	bool has_head;
	bool is_chunked;
	bool will_close; /* Connection: close */
	int status;
	uint64_t left_bytes; /* of a body of known length */
	uint64_t body_bytes; /* that have come */
	struct chunked chunks;
};

void load_response_begin(struct load_response *r);

/*
 * LOAD_BAD: no head of a response, neither length nor chunks, or bytes after
 * the end (nothing was asked that they could answer).
 */
enum load_verdict
load_response_take(struct load_response *r, const char *p, size_t len_bytes);

#endif
