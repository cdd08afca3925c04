/*
 * Heads: the tables of tests/corpus/h1, whole and in pieces; limits; what
 * the structs hold; memory kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/rproxy/http/corpus.h"
#include "tests/unit/rproxy/http/judge.h"

#define REQUESTS "tests/corpus/h1/requests.txt"
#define RESPONSES "tests/corpus/h1/responses.txt"

static unsigned n_failed;

static void
compare(const struct corpus_case *c, const struct judge *j, const char *how)
{
	struct slice content = { j->content, j->content_bytes };

	if (!slice_eq(slice_of(j->verdict), c->expect)) {
		print_error("%.*s (%s): %s, should be %.*s\n",
		    SLICE_FMT(c->name), how, j->verdict, SLICE_FMT(c->expect));
		n_failed++;
		return;
	}
	if (c->expect.p[0] == 'o' && !slice_eq(content, c->content)) {
		print_error("%.*s (%s): content is '%.*s'\n",
		    SLICE_FMT(c->name), how, SLICE_FMT(content));
		n_failed++;
	}
}

static void
begin(struct judge *j, const struct corpus_case *c)
{
	bool is_response = !slice_eq(c->context, SLICE("-"));

	judge_init(j, is_response, method_of(c->context));
}

static void
run_whole(const struct corpus_case *c)
{
	struct judge j;

	begin(&j, c);
	judge_split_at(&j, c->bytes, c->bytes.len);
	compare(c, &j, "whole");
	judge_fini(&j);
}

static void
run_by_bytes(const struct corpus_case *c)
{
	struct judge j;

	begin(&j, c);
	judge_in_steps(&j, c->bytes, 1);
	compare(c, &j, "byte by byte");
	judge_fini(&j);
}

static void
run_split(const struct corpus_case *c)
{
	for (size_t at = 0; at <= c->bytes.len; at++) {
		char how[32];
		struct judge j;

		begin(&j, c);
		judge_split_at(&j, c->bytes, at);
		snprintf(how, sizeof(how), "split at %zu", at);
		compare(c, &j, how);
		judge_fini(&j);
	}
}

static void
run_table(const char *path, corpus_fn *fn, unsigned at_least)
{
	unsigned n;

	n_failed = 0;
	n = corpus_each(path, fn);
	assert_int_equal(n_failed, 0);
	assert_true(n >= at_least);
}

static void
gives_each_request_its_verdict(void **state)
{
	(void)state;
	run_table(REQUESTS, run_whole, 200);
}

static void
gives_requests_the_same_verdict_byte_by_byte(void **state)
{
	(void)state;
	run_table(REQUESTS, run_by_bytes, 200);
}

static void
gives_requests_the_same_verdict_split_anywhere(void **state)
{
	(void)state;
	run_table(REQUESTS, run_split, 200);
}

static void
gives_each_response_its_verdict(void **state)
{
	(void)state;
	run_table(RESPONSES, run_whole, 80);
}

static void
gives_responses_the_same_verdict_byte_by_byte(void **state)
{
	(void)state;
	run_table(RESPONSES, run_by_bytes, 80);
}

static void
gives_responses_the_same_verdict_split_anywhere(void **state)
{
	(void)state;
	run_table(RESPONSES, run_split, 80);
}

static void
assert_slice(struct slice s, const char *text)
{
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.p, text, s.len);
}

static void
fills_the_request_in(void **state)
{
	const struct slice in = SLICE("\r\nPROPFIND /a?b HTTP/1.0\r\n"
				      "hOST:  h.example \r\n"
				      "X-Empty:\r\n"
				      "Cookie: a=b; c=d\r\n\r\nrest");
	struct h1_limits limits = { 100, 1000, 10, 0 };
	struct h1_scan scan = { 0 };
	struct request_head r = { 0 };
	enum reason why;
	size_t used;

	(void)state;
	assert_int_equal(
	    h1_read_request(&scan, in, &limits, &r, &used, &why), H1_DONE);
	assert_int_equal(used, in.len - 4);
	assert_slice(r.method, "PROPFIND");
	assert_int_equal(r.method_id, METHOD_OTHER);
	assert_slice(r.target, "/a?b");
	assert_int_equal(r.minor, 0);
	assert_int_equal(r.fields.n, 3);
	assert_slice(r.fields.v[0].name, "hOST");
	assert_slice(r.fields.v[0].value, "h.example");
	assert_int_equal(r.fields.v[0].id, FIELD_HOST);
	assert_slice(r.fields.v[1].name, "X-Empty");
	assert_int_equal(r.fields.v[1].value.len, 0);
	assert_slice(r.fields.v[2].value, "a=b; c=d");
	fields_fini(&r.fields);
}

static void
fills_the_response_in(void **state)
{
	const struct slice in = SLICE("HTTP/1.1 404 Not Found\r\n"
				      "Server: x\r\n\r\n");
	struct h1_limits limits = { 100, 1000, 10, 0 };
	struct h1_scan scan = { 0 };
	struct response_head r = { 0 };
	enum reason why;
	size_t used;

	(void)state;
	assert_int_equal(
	    h1_read_response(&scan, in, &limits, &r, &used, &why), H1_DONE);
	assert_int_equal(used, in.len);
	assert_int_equal(r.status, 404);
	assert_slice(r.reason, "Not Found");
	assert_int_equal(r.minor, 1);
	assert_int_equal(r.fields.n, 1);
	assert_int_equal(r.fields.v[0].id, FIELD_SERVER);
	fields_fini(&r.fields);
}

static void
keeps_the_storage_of_the_fields(void **state)
{
	const struct slice in = SLICE("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	struct h1_limits limits = { 100, 1000, 10, 0 };
	struct request_head r = { 0 };
	const struct field *before = NULL;
	enum reason why;
	size_t used;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct h1_scan scan = { 0 };

		assert_int_equal(
		    h1_read_request(&scan, in, &limits, &r, &used, &why),
		    H1_DONE);
		assert_int_equal(r.fields.n, 1);
		assert_true(i == 0 || r.fields.v == before);
		before = r.fields.v;
	}
	fields_fini(&r.fields);
}

/* The verdict with these limits, in steps of as many bytes. */
static void
judge_limited(struct judge *j, bool is_response, struct slice in,
    struct h1_limits limits, size_t step_bytes)
{
	judge_init(j, is_response, METHOD_GET);
	j->limits = limits;
	judge_in_steps(j, in, step_bytes);
	judge_fini(j);
}

static void
assert_limited(bool is_response, struct slice in, struct h1_limits limits,
    const char *verdict)
{
	const size_t steps[] = { 1, 2, 3, 7, in.len };
	struct judge j;

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		judge_limited(&j, is_response, in, limits, steps[i]);
		assert_string_equal(j.verdict, verdict);
	}
}

static void
limits_one_field_to_the_byte(void **state)
{
	/* 9 bytes, then 12 */
	const struct slice in = SLICE("GET / HTTP/1.1\r\nHost: h\r\n"
				      "X-A: 12345\r\n\r\n");
	struct h1_limits l = { 100, 1000, 10, 12 };

	(void)state;
	assert_limited(false, in, l, "ok none");
	l.max_field_bytes = 11;
	assert_limited(false, in, l, "headers_too_large");
	l.max_field_bytes = 8;
	assert_limited(false, in, l, "headers_too_large");
	/* not read on until it ends */
	l.max_field_bytes = 9;
	assert_limited(false, slice_first(in, in.len - 6), l, "more");
	assert_limited(
	    false, slice_first(in, in.len - 4), l, "headers_too_large");
}

static void
limits_the_request_line_to_the_byte(void **state)
{
	/* 20 bytes */
	const struct slice in =
	    SLICE("GET /2345678 HTTP/1.1\r\nHost: h\r\n\r\n");
	const size_t len = sizeof("GET /2345678 HTTP/1.1") - 1;
	struct h1_limits l = { (unsigned)len, 1000, 10, 0 };

	(void)state;
	assert_limited(false, in, l, "ok none");
	l.max_line_bytes--;
	assert_limited(false, in, l, "uri_too_long");
	/* also when it never ends, and when it has ended too late */
	assert_limited(false, slice_first(in, len), l, "more");
	assert_limited(false, slice_first(in, len + 1), l, "uri_too_long");
	l.max_line_bytes = 3;
	assert_limited(false, in, l, "uri_too_long");
}

static void
does_not_count_the_empty_line_in_front(void **state)
{
	const struct slice in = SLICE("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");

	(void)state;
	assert_limited(
	    false, in, (struct h1_limits){ 14, 1000, 10, 0 }, "ok none");
	assert_limited(
	    false, in, (struct h1_limits){ 13, 1000, 10, 0 }, "uri_too_long");
}

static void
limits_the_fields_to_the_byte(void **state)
{
	const struct slice in =
	    SLICE("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n");
	const unsigned len = sizeof("Host: h\r\nA: b\r\n") - 1;

	(void)state;
	for (unsigned max = 0; max < len; max++)
		assert_limited(false, in, (struct h1_limits){ 100, max, 10, 0 },
		    "headers_too_large");
	assert_limited(
	    false, in, (struct h1_limits){ 100, len, 10, 0 }, "ok none");
}

static void
limits_the_number_of_fields(void **state)
{
	const struct slice in =
	    SLICE("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nC: d\r\n\r\n");

	(void)state;
	assert_limited(
	    false, in, (struct h1_limits){ 100, 1000, 3, 0 }, "ok none");
	assert_limited(false, in, (struct h1_limits){ 100, 1000, 2, 0 },
	    "headers_too_large");
	assert_limited(false, in, (struct h1_limits){ 100, 1000, 0, 0 },
	    "headers_too_large");
}

static void
blames_the_server_for_a_head_that_is_too_large(void **state)
{
	const struct slice in =
	    SLICE("HTTP/1.1 204 No Content\r\nA: b\r\nC: d\r\n\r\n");

	(void)state;
	assert_limited(true, in, (struct h1_limits){ 23, 12, 2, 0 }, "ok none");
	assert_limited(
	    true, in, (struct h1_limits){ 22, 12, 2, 0 }, "response_too_large");
	assert_limited(
	    true, in, (struct h1_limits){ 23, 11, 2, 0 }, "response_too_large");
	assert_limited(
	    true, in, (struct h1_limits){ 23, 12, 1, 0 }, "response_too_large");
}

static void
names_what_came_first_of_two_faults(void **state)
{
	const struct h1_limits l = { 20, 20, 10, 0 };

	(void)state;
	/* NUL and bare LF in front of and behind where the limit is */
	assert_limited(false, SLICE("GET /\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	    l, "bad_line_end");
	assert_limited(false, SLICE("GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0"),
	    l, "uri_too_long");
	assert_limited(false,
	    SLICE("GET / HTTP/1.1\r\nA: b\nCCCCCCCCCCCCCCCCCCCCCCCCCC"), l,
	    "bad_line_end");
	assert_limited(false,
	    SLICE("GET / HTTP/1.1\r\nCCCCCCCCCCCCCCCCCCCCCCCCCCCC: b\n"), l,
	    "headers_too_large");
}

static void
reads_a_value_as_long_as_the_limit(void **state)
{
	enum {
		VALUE = 60000
	};
	static const char start[] = "GET / HTTP/1.1\r\nHost: h\r\nCookie: ";
	static char in[sizeof(start) - 1 + VALUE + 4];
	struct judge j;

	(void)state;
	memcpy(in, start, sizeof(start) - 1);
	memset(in + sizeof(start) - 1, 'x', VALUE);
	memcpy(in + sizeof(in) - 4, "\r\n\r\n", 4);
	judge_limited(&j, false, (struct slice){ in, sizeof(in) },
	    (struct h1_limits){ 8192, 65536, 100, 0 }, 1460);
	assert_string_equal(j.verdict, "ok none");
	in[sizeof(in) - 5] = '\x1f';
	judge_limited(&j, false, (struct slice){ in, sizeof(in) },
	    (struct h1_limits){ 8192, 65536, 100, 0 }, 1460);
	assert_string_equal(j.verdict, "bad_field_value");
}

/* Also the bytes that llhttp is not shown: every one, at every place. */
static void
judges_every_byte_of_a_long_value(void **state)
{
	const struct h1_limits limits = { 8192, 65536, 100, 0 };
	static const char start[] = "GET / HTTP/1.1\r\nHost: h\r\nX-Long: ";
	enum {
		START = sizeof(start) - 1,
		VALUE = 100
	};
	char in[START + VALUE + 4];
	struct judge j;

	(void)state;
	memcpy(in, start, START);
	memcpy(in + START + VALUE, "\r\n\r\n", 4);
	for (size_t at = 0; at < VALUE; at++) {
		for (int c = 0; c < 256; c++) {
			bool is_allowed = c == '\t' || (c >= 0x20 && c != 0x7f);

			memset(in + START, 'x', VALUE);
			in[START + at] = (char)c;
			judge_limited(&j, false,
			    (struct slice){ in, sizeof(in) }, limits,
			    sizeof(in));
			if ((strcmp(j.verdict, "ok none") == 0) != is_allowed)
				fail_msg("%02x at %zu: %s", (unsigned)c, at,
				    j.verdict);
		}
	}
}

/* What llhttp reads itself it sees whole. */
static void
judges_long_values_that_llhttp_reads(void **state)
{
	const struct h1_limits limits = { 8192, 65536, 100, 0 };
	char in[300];
	int n = snprintf(in, sizeof(in),
	    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %050d\r\n\r\n", 7);

	(void)state;
	assert_limited(false, (struct slice){ in, (size_t)n }, limits, "more");
	n = snprintf(in, sizeof(in),
	    "POST / HTTP/1.1\r\nHost: h\r\n"
	    "Transfer-Encoding: chunked%*schunked\r\n\r\n",
	    50, ",");
	assert_limited(
	    false, (struct slice){ in, (size_t)n }, limits, "bad_coding");
	n = snprintf(in, sizeof(in),
	    "GET / HTTP/1.1\r\nHost: h\r\n"
	    "Connection: close%*skeep-alive\r\n\r\n",
	    50, ",");
	assert_limited(
	    false, (struct slice){ in, (size_t)n }, limits, "ok none");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_each_request_its_verdict),
		cmocka_unit_test(gives_requests_the_same_verdict_byte_by_byte),
		cmocka_unit_test(
		    gives_requests_the_same_verdict_split_anywhere),
		cmocka_unit_test(gives_each_response_its_verdict),
		cmocka_unit_test(gives_responses_the_same_verdict_byte_by_byte),
		cmocka_unit_test(
		    gives_responses_the_same_verdict_split_anywhere),
		cmocka_unit_test(fills_the_request_in),
		cmocka_unit_test(fills_the_response_in),
		cmocka_unit_test(keeps_the_storage_of_the_fields),
		cmocka_unit_test(limits_one_field_to_the_byte),
		cmocka_unit_test(limits_the_request_line_to_the_byte),
		cmocka_unit_test(does_not_count_the_empty_line_in_front),
		cmocka_unit_test(limits_the_fields_to_the_byte),
		cmocka_unit_test(limits_the_number_of_fields),
		cmocka_unit_test(
		    blames_the_server_for_a_head_that_is_too_large),
		cmocka_unit_test(names_what_came_first_of_two_faults),
		cmocka_unit_test(reads_a_value_as_long_as_the_limit),
		cmocka_unit_test(judges_every_byte_of_a_long_value),
		cmocka_unit_test(judges_long_values_that_llhttp_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
