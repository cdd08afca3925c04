/*
 * One message from its first byte to the end of its body, as the gateway
 * reads it: all the checks in their order, and a verdict as text ("ok
 * chunked", "more", "bad_host").  Used by unit tests and the fuzzer, to ask
 * whether the verdict depends on how the bytes arrive.
 */
#ifndef TESTS_UNIT_RPROXY_HTTP_JUDGE_H
#define TESTS_UNIT_RPROXY_HTTP_JUDGE_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "rproxy/http/framing.h"
#include "rproxy/http/h1_read.h"
#include "rproxy/http/target.h"

struct judge {
	bool is_response;
	enum method asked_with; /* a response is the answer to this */
	struct h1_limits limits;
	struct h1_scan scan;
	struct request_head request;
	struct response_head response;
	bool has_head;
	bool ended; /* good or bad */
	size_t head_bytes;
	size_t used_bytes; /* of the message so far */
	struct framing framing;
	struct body_read body;
	char *content; /* owned */
	size_t content_bytes;
	char verdict[64];
};

static inline void
judge_init(struct judge *j, bool is_response, enum method asked_with)
{
	*j = (struct judge){
		.is_response = is_response,
		.asked_with = asked_with,
		.limits = { 8192, 65536, 100, 0 },
		.verdict = "more",
	};
}

static inline void
judge_fini(struct judge *j)
{
	fields_fini(&j->request.fields);
	fields_fini(&j->response.fields);
	free(j->content);
}

static inline void
judge_refuse(struct judge *j, enum reason why)
{
	CHECK(why != REASON_OK);
	j->ended = true;
	snprintf(j->verdict, sizeof(j->verdict), "%s", reason_name(why));
}

static inline void
judge_accept(struct judge *j)
{
	static const char *const kinds[] = {
		[BODY_NONE] = "ok none",
		[BODY_CHUNKED] = "ok chunked",
		[BODY_UNTIL_CLOSE] = "ok until_close",
	};

	j->ended = true;
	if (j->framing.kind == BODY_LENGTH)
		snprintf(j->verdict, sizeof(j->verdict), "ok length=%" PRIu64,
		    j->framing.length);
	else
		snprintf(j->verdict, sizeof(j->verdict), "%s",
		    kinds[j->framing.kind]);
}

static inline enum reason
judge_request_head(struct judge *j)
{
	struct target t;
	struct slice host;
	struct authority a;
	enum reason why =
	    target_parse(j->request.target, j->request.method_id, &t);

	if (why == REASON_OK)
		why = target_host(&j->request, &t, &host, &a);
	if (why == REASON_OK)
		why = framing_of_request(&j->request, &j->framing);
	return why;
}

static inline void
judge_head(struct judge *j, struct slice all)
{
	enum reason why = REASON_OK;
	enum h1_verdict v;

	if (j->is_response)
		v = h1_read_response(&j->scan, all, &j->limits, &j->response,
		    &j->used_bytes, &why);
	else
		v = h1_read_request(&j->scan, all, &j->limits, &j->request,
		    &j->used_bytes, &why);
	if (v == H1_MORE) {
		CHECK(all.len < h1_max_head_bytes(&j->limits));
		return;
	}
	if (v == H1_DONE && j->is_response)
		why = framing_of_response(
		    &j->response, j->asked_with, &j->framing);
	else if (v == H1_DONE)
		why = judge_request_head(j);
	if (why != REASON_OK) {
		judge_refuse(j, why);
		return;
	}
	j->has_head = true;
	j->head_bytes = j->used_bytes;
	body_read_init(&j->body, &j->framing);
}

static inline void
judge_add_content(struct judge *j, struct slice s)
{
	if (s.len == 0)
		return;
	j->content = realloc(j->content, j->content_bytes + s.len);
	CHECK(j->content != NULL);
	memcpy(j->content + j->content_bytes, s.p, s.len);
	j->content_bytes += s.len;
}

/* in: what has not been used. */
static inline void
judge_body(struct judge *j, struct slice in)
{
	for (;;) {
		enum reason why = REASON_OK;
		struct slice content;
		size_t used;
		enum body_verdict v =
		    body_read_next(&j->body, in, &used, &content, &why);

		judge_add_content(j, content);
		j->used_bytes += used;
		in = slice_from(in, used);
		if (v == BODY_DONE)
			judge_accept(j);
		if (v == BODY_BAD)
			judge_refuse(j, why);
		if (v != BODY_MORE || in.len == 0)
			return;
		CHECK(used > 0);
	}
}

/* all: everything from the start of the message on. */
static inline void
judge_feed(struct judge *j, struct slice all)
{
	if (!j->ended && !j->has_head)
		judge_head(j, all);
	if (!j->ended && j->has_head)
		judge_body(j, slice_from(all, j->used_bytes));
}

static inline void
judge_eof(struct judge *j)
{
	if (!j->ended && j->has_head && body_read_eof(&j->body) == BODY_DONE)
		judge_accept(j);
}

/*
 * A copy that ends where its memory ends, so that a sanitizer sees each byte
 * read too much, and that has moved since the last call.
 */
static inline void
judge_feed_copy(struct judge *j, struct slice all, size_t len)
{
	char *copy = malloc(len + 1);

	CHECK(copy != NULL);
	if (len > 0)
		memcpy(copy + 1, all.p, len);
	judge_feed(j, (struct slice){ copy + 1, len });
	free(copy);
}

static inline void
judge_in_steps(struct judge *j, struct slice all, size_t step_bytes)
{
	for (size_t n = step_bytes; n < all.len; n += step_bytes)
		judge_feed_copy(j, all, n);
	judge_feed_copy(j, all, all.len);
	judge_eof(j);
}

static inline void
judge_split_at(struct judge *j, struct slice all, size_t at)
{
	judge_feed_copy(j, all, at);
	judge_feed_copy(j, all, all.len);
	judge_eof(j);
}

#endif
