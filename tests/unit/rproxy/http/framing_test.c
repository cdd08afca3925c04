/*
 * Bodies: the table of tests/corpus/h1, whole and in pieces; the limits; the
 * end of the connection; chunk heads.  The decision from the head is in the
 * tables of h1_read_test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/rproxy/http/corpus.h"
#include "tests/unit/rproxy/http/judge.h"

#define BODIES "tests/corpus/h1/bodies.txt"

static unsigned n_failed;

static struct framing
framing_named(struct slice name)
{
	struct framing f = { .kind = BODY_LENGTH };

	if (slice_eq(name, SLICE("none")))
		f.kind = BODY_NONE;
	else if (slice_eq(name, SLICE("chunked")))
		f.kind = BODY_CHUNKED;
	else if (slice_eq(name, SLICE("until_close")))
		f.kind = BODY_UNTIL_CLOSE;
	else
		assert_true(number_parse(slice_from(name, 7), &f.length));
	return f;
}

/* A judge that has the head behind it. */
static void
begin(struct judge *j, const struct framing *f)
{
	judge_init(j, false, METHOD_POST);
	j->has_head = true;
	j->framing = *f;
	body_read_init(&j->body, f);
}

static void
run_in_steps(const struct corpus_case *c, size_t step_bytes)
{
	struct framing f = framing_named(c->context);
	struct judge j;

	begin(&j, &f);
	judge_in_steps(&j, c->bytes, step_bytes);
	if (!slice_eq(slice_of(j.verdict), c->expect) ||
	    (c->expect.p[0] != 'b' &&
		!slice_eq((struct slice){ j.content, j.content_bytes },
		    c->content))) {
		print_error("%.*s (in steps of %zu): %s with '%.*s'\n",
		    SLICE_FMT(c->name), step_bytes, j.verdict,
		    (int)j.content_bytes, j.content);
		n_failed++;
	}
	judge_fini(&j);
}

static void
run_whole(const struct corpus_case *c)
{
	run_in_steps(c, c->bytes.len + 1);
}

static void
run_in_pieces(const struct corpus_case *c)
{
	for (size_t step = 1; step < c->bytes.len; step++)
		run_in_steps(c, step);
}

static void
gives_each_body_its_verdict(void **state)
{
	(void)state;
	n_failed = 0;
	assert_true(corpus_each(BODIES, run_whole) >= 60);
	assert_int_equal(n_failed, 0);
}

static void
gives_bodies_the_same_verdict_in_pieces(void **state)
{
	(void)state;
	n_failed = 0;
	assert_true(corpus_each(BODIES, run_in_pieces) >= 60);
	assert_int_equal(n_failed, 0);
}

/* "5;aaa..." or "0\r\nA: aaa...", n_bytes of a in the middle. */
static void
assert_verdict_with_run(
    const char *start, size_t n_bytes, const char *end, const char *verdict)
{
	const struct framing f = { .kind = BODY_CHUNKED };
	size_t start_len = strlen(start), end_len = strlen(end);
	size_t len = start_len + n_bytes + end_len;
	char *in = malloc(len);
	struct judge j;

	assert_non_null(in);
	memcpy(in, start, start_len);
	memset(in + start_len, 'a', n_bytes);
	memcpy(in + start_len + n_bytes, end, end_len);
	for (size_t step = 1; step <= len; step += 101) {
		begin(&j, &f);
		judge_in_steps(&j, (struct slice){ in, len }, step);
		assert_string_equal(j.verdict, verdict);
		judge_fini(&j);
	}
	free(in);
}

static void
limits_the_length_of_an_extension(void **state)
{
	const char end[] = "\r\nhello\r\n0\r\n\r\n";

	(void)state;
	assert_verdict_with_run("5;", 256, end, "ok chunked");
	assert_verdict_with_run("5;", 257, end, "bad_chunk");
	/* it need not end to be too long */
	assert_verdict_with_run("5;", 257, "", "bad_chunk");
}

static void
limits_the_trailers_together(void **state)
{
	const size_t max = 8192;
	/* the last line counts with its first byte */
	const size_t ends = sizeof("A: \r") - 1 + 1;

	(void)state;
	assert_verdict_with_run(
	    "0\r\nA: ", max - ends, "\r\n\r\n", "ok chunked");
	assert_verdict_with_run(
	    "0\r\nA: ", max - ends + 1, "\r\n\r\n", "bad_chunk");
	assert_verdict_with_run("0\r\n", max + 1, "", "bad_chunk");
}

static void
blames_the_server_for_bad_chunks_of_a_response(void **state)
{
	const struct framing f = { .kind = BODY_CHUNKED, .of_response = true };
	struct judge j;

	(void)state;
	begin(&j, &f);
	judge_in_steps(&j, SLICE("zz\r\n"), 1);
	assert_string_equal(j.verdict, "response_coding");
	judge_fini(&j);
}

static void
gives_content_where_it_lies(void **state)
{
	const struct framing f = { .kind = BODY_CHUNKED };
	const struct slice in = SLICE("5\r\nhello\r\n0\r\n\r\nGET");
	struct body_read b;
	struct slice content;
	enum reason why;
	size_t used;

	(void)state;
	body_read_init(&b, &f);
	/* framing around one run of content is taken with it */
	assert_int_equal(
	    body_read_next(&b, in, &used, &content, &why), BODY_DONE);
	assert_ptr_equal(content.p, in.p + 3);
	assert_int_equal(content.len, 5);
	assert_int_equal(used, in.len - 3);
	/* and what follows is left alone, however often it is asked */
	assert_int_equal(
	    body_read_next(&b, SLICE("GET"), &used, &content, &why), BODY_DONE);
	assert_int_equal(used, 0);
	assert_int_equal(content.len, 0);
}

static void
knows_what_the_end_of_the_connection_means(void **state)
{
	const struct framing length = { .kind = BODY_LENGTH, .length = 1 };
	const struct framing chunked = { .kind = BODY_CHUNKED };
	const struct framing open = { .kind = BODY_UNTIL_CLOSE };
	const struct framing none = { .kind = BODY_NONE };
	struct body_read b;

	(void)state;
	body_read_init(&b, &length);
	assert_int_equal(body_read_eof(&b), BODY_BAD);
	body_read_init(&b, &chunked);
	assert_int_equal(body_read_eof(&b), BODY_BAD);
	body_read_init(&b, &open);
	assert_int_equal(body_read_eof(&b), BODY_DONE);
	body_read_init(&b, &none);
	assert_int_equal(body_read_eof(&b), BODY_DONE);
}

static void
takes_the_largest_length(void **state)
{
	const struct framing f = { .kind = BODY_LENGTH, .length = INT64_MAX };
	struct body_read b;
	struct slice content;
	enum reason why;
	size_t used;

	(void)state;
	body_read_init(&b, &f);
	assert_int_equal(
	    body_read_next(&b, SLICE("abc"), &used, &content, &why), BODY_MORE);
	assert_int_equal(used, 3);
	assert_true(b.left == (uint64_t)INT64_MAX - 3);
}

static void
writes_chunk_heads_that_it_reads(void **state)
{
	const uint64_t lengths[] = { 0, 1, 9, 10, 15, 16, 255, 256, 65535,
		65536, 0x123456789abcdef, INT64_MAX };
	char out[CHUNK_HEAD_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		size_t n = chunk_head(out, lengths[i]);
		uint64_t back;

		assert_memory_equal(out + n - 2, "\r\n", 2);
		assert_true(
		    number_parse_hex((struct slice){ out, n - 2 }, &back));
		assert_true(back == lengths[i]);
		assert_true(n == 3 || out[0] != '0');
	}
	assert_int_equal(chunk_head(out, UINT64_MAX), 18);
	assert_int_equal(chunk_head(out, 0), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_each_body_its_verdict),
		cmocka_unit_test(gives_bodies_the_same_verdict_in_pieces),
		cmocka_unit_test(limits_the_length_of_an_extension),
		cmocka_unit_test(limits_the_trailers_together),
		cmocka_unit_test(
		    blames_the_server_for_bad_chunks_of_a_response),
		cmocka_unit_test(gives_content_where_it_lies),
		cmocka_unit_test(knows_what_the_end_of_the_connection_means),
		cmocka_unit_test(takes_the_largest_length),
		cmocka_unit_test(writes_chunk_heads_that_it_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
