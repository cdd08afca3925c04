/*
 * Heads written, and random heads written and read again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rproxy/http/field_values.h"
#include "rproxy/http/h1_write.h"
#include "tests/unit/rproxy/http/judge.h"

#define MAX 100000

static void
assert_holds(const struct buf *b, const char *text)
{
	assert_true(slice_eq(buf_slice(b), slice_of(text)));
}

static void
writes_a_request_head(void **state)
{
	struct buf b = { 0 };
	struct fields f = { 0 };

	(void)state;
	fields_add(&f, SLICE("Host"), SLICE("h"));
	fields_add(&f, SLICE("X-Gone"), SLICE("x"));
	fields_add(&f, SLICE("X-Empty"), SLICE_NONE);
	fields_drop_name(&f, SLICE("X-Gone"));
	assert_true(
	    h1_write_request_line(&b, SLICE("GET"), SLICE("/a?b"), MAX));
	assert_true(h1_write_fields(&b, &f, MAX));
	assert_true(h1_write_field(&b, SLICE("Via"), SLICE("1.1 g"), MAX));
	assert_true(h1_write_end(&b, MAX));
	assert_holds(&b, "GET /a?b HTTP/1.1\r\nHost: h\r\nX-Empty: \r\n"
			 "Via: 1.1 g\r\n\r\n");
	buf_release(&b);
	fields_fini(&f);
}

static void
writes_status_lines(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_true(h1_write_status_line(&b, 200, SLICE("OK"), MAX));
	assert_true(h1_write_status_line(&b, 999, SLICE(""), MAX));
	assert_holds(&b, "HTTP/1.1 200 OK\r\nHTTP/1.1 999 \r\n");
	buf_release(&b);
}

static void
writes_nothing_above_the_ceiling(void **state)
{
	struct buf b = { 0 };
	struct fields f = { 0 };

	(void)state;
	fields_add(&f, SLICE("A"), SLICE("b"));
	fields_add(&f, SLICE("C"), SLICE("d"));
	assert_false(h1_write_request_line(&b, SLICE("GET"), SLICE("/"), 15));
	assert_false(h1_write_status_line(&b, 200, SLICE("OK"), 16));
	assert_false(h1_write_fields(&b, &f, 11));
	assert_false(h1_write_field(&b, SLICE("A"), SLICE("b"), 5));
	assert_false(h1_write_end(&b, 1));
	assert_int_equal(buf_len(&b), 0);
	assert_true(h1_write_request_line(&b, SLICE("GET"), SLICE("/"), 16));
	assert_true(h1_write_fields(&b, &f, 28));
	assert_false(h1_write_end(&b, 29));
	assert_true(h1_write_end(&b, 30));
	buf_release(&b);
	fields_fini(&f);
}

static void
knows_phrases(void **state)
{
	(void)state;
	assert_true(slice_eq(h1_phrase(200), SLICE("OK")));
	assert_true(
	    slice_eq(h1_phrase(431), SLICE("Request Header Fields Too Large")));
	assert_int_equal(h1_phrase(299).len, 0);
	assert_int_equal(h1_phrase(0).len, 0);
	for (unsigned status = 0; status < 1000; status++)
		assert_true(is_field_value(h1_phrase(status)));
}

/* xorshift: the same messages each time */
static uint32_t
next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static struct slice
random_text(uint32_t *seed, bool token, char *out, size_t max)
{
	size_t want = next_random(seed) % max, n = token ? 1 : 0;

	if (token)
		out[0] = 'Q'; /* begins no name that has rules of its own */
	while (n < want) {
		char c = (char)next_random(seed);

		if (token ? is_tchar(c) : is_field_char(c))
			out[n++] = c;
	}
	return slice_trim((struct slice){ out, n });
}

static void
fill(struct fields *f, uint32_t *seed, char names[][64], char values[][400])
{
	unsigned n = next_random(seed) % 40;

	for (unsigned i = 0; i < n; i++) {
		struct slice name = random_text(seed, true, names[i], 64);
		struct slice value = random_text(seed, false, values[i], 400);

		assert_int_equal(field_id_of(name), FIELD_OTHER);
		assert_true(fields_add(f, name, value));
	}
}

static void
assert_same_fields(const struct fields *a, const struct fields *b)
{
	assert_int_equal(a->n, b->n);
	for (unsigned i = 0; i < a->n; i++) {
		assert_true(slice_eq(a->v[i].name, b->v[i].name));
		assert_true(slice_eq(a->v[i].value, b->v[i].value));
	}
}

static void
reads_back_what_it_wrote(void **state)
{
	static char names[40][64], values[40][400];
	const struct h1_limits limits = { 100, 50000, 100, 0 };
	uint32_t seed = 20240711;
	struct request_head r = { 0 };
	struct fields f = { 0 };
	struct buf b = { 0 };

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		struct h1_scan scan = { 0 };
		enum reason why = REASON_OK;
		size_t used;

		fields_reset(&f);
		fill(&f, &seed, names, values);
		assert_true(h1_write_request_line(
		    &b, SLICE("PATCH"), SLICE("/x?y"), MAX));
		assert_true(h1_write_fields(&b, &f, MAX));
		assert_true(h1_write_end(&b, MAX));
		assert_int_equal(h1_read_request(&scan, buf_slice(&b), &limits,
				     &r, &used, &why),
		    H1_DONE);
		assert_int_equal(used, buf_len(&b));
		assert_int_equal(r.method_id, METHOD_PATCH);
		assert_true(slice_eq(r.target, SLICE("/x?y")));
		assert_same_fields(&r.fields, &f);
		buf_consume(&b, used);
	}
	fields_fini(&r.fields);
	fields_fini(&f);
	buf_release(&b);
}

static void
reads_back_the_responses_it_wrote(void **state)
{
	static char names[40][64], values[40][400];
	const struct h1_limits limits = { 100, 50000, 100, 0 };
	uint32_t seed = 19;
	struct response_head r = { 0 };
	struct fields f = { 0 };
	struct buf b = { 0 };

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		struct h1_scan scan = { 0 };
		unsigned status = 100 + next_random(&seed) % 900;
		enum reason why = REASON_OK;
		size_t used;

		fields_reset(&f);
		fill(&f, &seed, names, values);
		assert_true(
		    h1_write_status_line(&b, status, h1_phrase(status), MAX));
		assert_true(h1_write_fields(&b, &f, MAX));
		assert_true(h1_write_end(&b, MAX));
		assert_int_equal(h1_read_response(&scan, buf_slice(&b), &limits,
				     &r, &used, &why),
		    H1_DONE);
		assert_int_equal(r.status, status);
		assert_true(slice_eq(r.reason, h1_phrase(status)));
		assert_same_fields(&r.fields, &f);
		buf_consume(&b, used);
	}
	fields_fini(&r.fields);
	fields_fini(&f);
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_a_request_head),
		cmocka_unit_test(writes_status_lines),
		cmocka_unit_test(writes_nothing_above_the_ceiling),
		cmocka_unit_test(knows_phrases),
		cmocka_unit_test(reads_back_what_it_wrote),
		cmocka_unit_test(reads_back_the_responses_it_wrote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
