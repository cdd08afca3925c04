/*
 * HTTP/1.x messages, heads and bodies, with libFuzzer.
 *
 *	byte 0	bit 0: a response; bit 1: to a HEAD; bits 2-3: small limits
 *	byte 1	how many bytes arrive at a time in the second run
 *	rest	the message
 *
 * The verdict, the content and the number of bytes used must not depend on
 * how the bytes arrive; a good head written anew must be read as the same
 * head; a path that is not refused must be plain.
 */
#include <stdint.h>

#include "rproxy/http/h1_write.h"
#include "tests/unit/rproxy/http/judge.h"

#define WRITE_MAX (1024u * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
begin(struct judge *j, unsigned options)
{
	judge_init(j, options & 1, options & 2 ? METHOD_HEAD : METHOD_GET);
	if (options & 4)
		j->limits.max_line_bytes = 32;
	if (options & 8) {
		j->limits.max_headers_bytes = 64;
		j->limits.max_headers = 3;
	}
}

static void
check_fields(const struct fields *a, const struct fields *b)
{
	CHECK(a->n == b->n);
	for (unsigned i = 0; i < a->n; i++) {
		CHECK(slice_eq(a->v[i].name, b->v[i].name));
		CHECK(slice_eq(a->v[i].value, b->v[i].value));
	}
}

static void
check_request_again(const struct request_head *r, struct slice bytes)
{
	const struct h1_limits limits = { 65536, 1024 * 1024, 10000, 0 };
	struct request_head again = { 0 };
	struct h1_scan scan = { 0 };
	enum reason why;
	size_t used;

	CHECK(h1_read_request(&scan, bytes, &limits, &again, &used, &why) ==
	      H1_DONE);
	CHECK(used == bytes.len);
	CHECK(slice_eq(again.method, r->method));
	CHECK(slice_eq(again.target, r->target));
	check_fields(&again.fields, &r->fields);
	fields_fini(&again.fields);
}

static void
check_response_again(const struct response_head *r, struct slice bytes)
{
	const struct h1_limits limits = { 65536, 1024 * 1024, 10000, 0 };
	struct response_head again = { 0 };
	struct h1_scan scan = { 0 };
	enum reason why;
	size_t used;

	CHECK(h1_read_response(&scan, bytes, &limits, &again, &used, &why) ==
	      H1_DONE);
	CHECK(used == bytes.len);
	CHECK(again.status == r->status);
	CHECK(slice_eq(again.reason, r->reason));
	check_fields(&again.fields, &r->fields);
	fields_fini(&again.fields);
}

static void
check_rewriting(const struct judge *j)
{
	struct buf b = { 0 };

	if (j->is_response) {
		CHECK(h1_write_status_line(
		    &b, j->response.status, j->response.reason, WRITE_MAX));
		CHECK(h1_write_fields(&b, &j->response.fields, WRITE_MAX));
		CHECK(h1_write_end(&b, WRITE_MAX));
		check_response_again(&j->response, buf_slice(&b));
	} else {
		CHECK(h1_write_request_line(
		    &b, j->request.method, j->request.target, WRITE_MAX));
		CHECK(h1_write_fields(&b, &j->request.fields, WRITE_MAX));
		CHECK(h1_write_end(&b, WRITE_MAX));
		check_request_again(&j->request, buf_slice(&b));
	}
	buf_release(&b);
}

/* What a route sees has no dot segments and no doubled slashes. */
static void
check_path(struct slice raw, bool encoded_slash)
{
	struct slice path, segment;
	struct arena a;

	arena_init(&a, WRITE_MAX);
	if (path_normalise(raw, encoded_slash, &a, &path) == REASON_OK) {
		CHECK(path.len > 0 && path.len <= raw.len);
		CHECK(path.p[0] == '/');
		path = slice_from(path, 1);
		while (slice_split(&path, '/', &segment)) {
			CHECK(!slice_eq(segment, SLICE(".")));
			CHECK(!slice_eq(segment, SLICE("..")));
			CHECK(segment.len > 0 || path.p == NULL);
		}
	}
	arena_fini(&a);
}

static void
check_whole(struct judge *j, struct slice message)
{
	struct target t;

	judge_feed(j, message);
	judge_eof(j);
	CHECK(j->used_bytes <= message.len);
	if (!j->has_head)
		return;
	check_rewriting(j);
	if (j->is_response)
		return;
	CHECK(target_parse(j->request.target, j->request.method_id, &t) ==
	      REASON_OK);
	check_path(t.path, false);
	check_path(t.path, true);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice message = { (const char *)data + 2, len - 2 };
	struct judge whole, pieces;

	if (len < 2 || len > 8192)
		return 0;
	begin(&whole, data[0]);
	check_whole(&whole, message);
	begin(&pieces, data[0]);
	judge_in_steps(&pieces, message, (size_t)data[1] + 1);
	CHECK(strcmp(whole.verdict, pieces.verdict) == 0);
	if (whole.has_head) {
		CHECK(whole.used_bytes == pieces.used_bytes);
		CHECK(whole.content_bytes == pieces.content_bytes);
		CHECK(whole.content_bytes == 0 ||
		      memcmp(whole.content, pieces.content,
			  whole.content_bytes) == 0);
	}
	judge_fini(&whole);
	judge_fini(&pieces);
	return 0;
}
