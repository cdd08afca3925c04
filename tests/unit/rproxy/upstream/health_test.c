/*
 * Health: what a probe's answer means, when a server is down, and where that
 * is kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/upstream/health.h"

struct answer {
	const char *bytes;
	enum health_verdict want;
	unsigned status;
};

static const struct answer answers[] = {
	{ "", HEALTH_MORE, 0 },
	{ "HTTP/1.1 20", HEALTH_MORE, 0 },
	{ "HTTP/1.1 200 OK\r\n", HEALTH_GOOD, 200 },
	{ "HTTP/1.0 204", HEALTH_GOOD, 204 },
	{ "HTTP/1.1 302 Found", HEALTH_GOOD, 302 },
	{ "HTTP/1.1 199 ", HEALTH_BAD, 199 },
	{ "HTTP/1.1 404 Not", HEALTH_BAD, 404 },
	{ "HTTP/1.1 503 Bad", HEALTH_BAD, 503 },
	{ "HTTP/2 200 OK\r\n", HEALTH_BAD, 0 },
	{ "SSH-2.0-x", HEALTH_BAD, 0 },
	{ "HTTP/1.1-200 ", HEALTH_BAD, 0 },
	{ "HTTP/1.1 2x0 ", HEALTH_BAD, 0 },
	{ "HTTP/1.x 200 ", HEALTH_BAD, 0 },
};

static void
only_200_to_399_is_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		unsigned status = 1;

		if (health_read(slice_of(answers[i].bytes), &status) !=
			answers[i].want ||
		    status != answers[i].status)
			fail_msg("%s", answers[i].bytes);
	}
}

static void
byte_by_byte_is_the_same_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct slice all = slice_of(answers[i].bytes);
		enum health_verdict v = HEALTH_MORE;
		unsigned status = 0;

		for (size_t n = 0; n <= all.len && v == HEALTH_MORE; n++)
			v = health_read(slice_first(all, n), &status);
		assert_int_equal(v, answers[i].want);
		assert_int_equal(status, answers[i].status);
	}
}

static void
two_in_a_row_decide(void **state)
{
	struct health_count c = { 0 };

	(void)state;
	assert_false(health_count(&c, false));
	assert_false(health_count(&c, true));
	assert_false(health_count(&c, false));
	assert_false(c.down);
	assert_true(health_count(&c, false));
	assert_true(c.down);
	assert_false(health_count(&c, false));
	assert_false(health_count(&c, true));
	assert_false(health_count(&c, false));
	assert_false(health_count(&c, true));
	assert_true(c.down);
	assert_true(health_count(&c, true));
	assert_false(c.down);
}

static struct health_page *
new_page(void)
{
	struct health_page *page = calloc(1, health_state.len_bytes);

	assert_non_null(page);
	return page;
}

static void
nothing_known_is_up(void **state)
{
	struct health_page *page = new_page();

	(void)state;
	assert_false(health_is_down(NULL, 1));
	assert_false(health_is_down(page, 0));
	assert_false(health_is_down(page, 1));
	free(page);
}

static void
states_are_found_by_key_and_forgotten_with_their_server(void **state)
{
	struct health_page *page = new_page();
	const uint64_t kept[] = { 2, 4098 };

	(void)state;
	assert_true(health_set(page, 2, true));
	assert_true(health_set(page, 4098, false)); /* the same place */
	assert_true(health_set(page, 3, true));
	assert_true(health_is_down(page, 2));
	assert_false(health_is_down(page, 4098));
	assert_true(health_is_down(page, 3));
	assert_true(health_set(page, 2, false));
	assert_true(health_set(page, 4098, true));
	assert_false(health_is_down(page, 2));
	assert_true(health_is_down(page, 4098));
	health_keep(page, kept, ARRAY_LEN(kept));
	assert_false(health_is_down(page, 3));
	assert_true(health_is_down(page, 4098));
	free(page);
}

static void
a_full_table_says_so(void **state)
{
	struct health_page *page = new_page();
	unsigned n = 0;

	(void)state;
	/* keys that all want the same place */
	while (n < 1000 && health_set(page, (uint64_t)(n + 1) << 20, true))
		n++;
	assert_true(n >= 8 && n < 1000);
	assert_true(health_is_down(page, (uint64_t)1 << 20));
	assert_false(health_is_down(page, (uint64_t)(n + 1) << 20));
	free(page);
}

static void
another_path_or_port_is_another_thing(void **state)
{
	const struct site_conf site = { .name = "a" }, other = { .name = "b" };
	struct pool_conf pool = { .health = "/x" }, second = { .health = "/y" };
	struct server_conf server = { .host = "h", .port = 1 };
	struct server_conf next = { .host = "h", .port = 2 };
	uint64_t key = health_key(&site, &pool, &server);

	(void)state;
	assert_true(key != 0);
	assert_true(key == health_key(&site, &pool, &server));
	assert_true(key != health_key(&other, &pool, &server));
	assert_true(key != health_key(&site, &second, &server));
	assert_true(key != health_key(&site, &pool, &next));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_200_to_399_is_good),
		cmocka_unit_test(byte_by_byte_is_the_same_answer),
		cmocka_unit_test(two_in_a_row_decide),
		cmocka_unit_test(nothing_known_is_up),
		cmocka_unit_test(
		    states_are_found_by_key_and_forgotten_with_their_server),
		cmocka_unit_test(a_full_table_says_so),
		cmocka_unit_test(another_path_or_port_is_another_thing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
