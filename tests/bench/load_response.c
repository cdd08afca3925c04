/*
 * Reads one response.  Pure.  What a proxy sends is parsed as far as needed
 * to know that it is the whole of the expected answer; it is no validator.
 */
#include "tests/bench/load_response.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void
load_response_begin(struct load_response *r)
{
	memset(r->head, 0, 1);
	memset((char *)r + sizeof(r->head), 0, sizeof(*r) - sizeof(r->head));
}

static bool
starts_with(const char *p, const char *word)
{
	return strncasecmp(p, word, strlen(word)) == 0;
}

/* The head is complete and ends with a NUL. */
static bool
parse_head(struct load_response *r)
{
	bool has_length = false;

	if (!starts_with(r->head, "HTTP/1.1 "))
		return false;
	r->status = atoi(r->head + 9);
	for (const char *p = strstr(r->head, "\r\n"); p != NULL;
	     p = strstr(p, "\r\n")) {
		p += 2;
		if (starts_with(p, "content-length:")) {
			r->left_bytes = strtoull(p + 15, NULL, 10);
			has_length = true;
		} else if (starts_with(p, "transfer-encoding: chunked")) {
			r->is_chunked = true;
		} else if (starts_with(p, "connection: close")) {
			r->will_close = true;
		}
	}
	return has_length != r->is_chunked;
}

static enum load_verdict
take_body(struct load_response *r, const char *p, size_t len_bytes)
{
	if (r->is_chunked) {
		if (chunked_eat(&r->chunks, p, len_bytes) < len_bytes)
			return LOAD_BAD;
		r->body_bytes = r->chunks.body_bytes;
		return r->chunks.state == CHUNKED_DONE ? LOAD_DONE : LOAD_MORE;
	}
	if (len_bytes > r->left_bytes)
		return LOAD_BAD;
	r->left_bytes -= len_bytes;
	r->body_bytes += len_bytes;
	return r->left_bytes == 0 ? LOAD_DONE : LOAD_MORE;
}

enum load_verdict
load_response_take(struct load_response *r, const char *p, size_t len_bytes)
{
	size_t before = r->head_bytes, n = len_bytes, head_bytes;
	const char *end;

	if (r->has_head)
		return take_body(r, p, len_bytes);
	if (n > sizeof(r->head) - 1 - before)
		n = sizeof(r->head) - 1 - before;
	memcpy(r->head + before, p, n);
	r->head_bytes += n;
	end = memmem(r->head, r->head_bytes, "\r\n\r\n", 4);
	if (end == NULL)
		return r->head_bytes == sizeof(r->head) - 1 ? LOAD_BAD
							    : LOAD_MORE;
	head_bytes = (size_t)(end - r->head) + 4;
	r->head[head_bytes - 2] = '\0';
	r->head_bytes = head_bytes;
	r->has_head = true;
	if (!parse_head(r))
		return LOAD_BAD;
	n = head_bytes - before;
	return take_body(r, p + n, len_bytes - n);
}
