/*
 * Pages of our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rproxy/error_page.h"

static bool
has(const struct buf *b, const char *text)
{
	struct slice s = buf_slice(b);

	return slice_find_slice(s, slice_of(text)) < s.len;
}

static void
a_page_says_status_sentence_and_number(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_true(error_page_write(&b, 502, SLICE("Bad Gateway"),
	    "The server broke off.", SLICE("abc-1.2")));
	assert_true(has(&b, "<title>502 Bad Gateway</title>"));
	assert_true(has(&b, "<h1>502 Bad Gateway</h1>"));
	assert_true(has(&b, "The server broke off."));
	assert_true(has(&b, "abc-1.2"));
	assert_false(has(&b, "http://"));
	buf_release(&b);
}

static void
what_comes_from_outside_is_escaped(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_true(
	    error_page_write(&b, 400, SLICE("Bad"), "x", SLICE("<script>\"&")));
	assert_false(has(&b, "<script>"));
	assert_true(has(&b, "&lt;script&gt;&#34;&amp;"));
	buf_release(&b);
	assert_true(error_page_write_redirect(
	    &b, 302, SLICE("Found"), SLICE("http://h/\"><script>")));
	assert_false(has(&b, "<script>"));
	assert_true(has(&b, "href=\"http://h/&#34;&gt;&lt;script&gt;\""));
	buf_release(&b);
}

static void
json_says_the_same_and_stays_json(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_true(error_page_write_json(&b, 502, SLICE("Bad Gateway"),
	    "It broke off.", SLICE("a\"\\\n\xe9-1")));
	assert_true(slice_eq(buf_slice(&b),
	    SLICE("{\"type\":\"about:blank\",\"title\":\"Bad Gateway\","
		  "\"status\":502,\"detail\":\"It broke off.\","
		  "\"id\":\"a?\?\?\?-1\"}\n")));
	buf_release(&b);
}

static void
a_location_too_long_is_left_out(void **state)
{
	static char location[60000];
	struct buf b = { 0 };

	(void)state;
	memset(location, '"', sizeof(location));
	assert_true(
	    error_page_write_redirect(&b, 301, SLICE("Moved Permanently"),
		(struct slice){ location, sizeof(location) }));
	assert_false(has(&b, "href"));
	buf_release(&b);
	assert_true(error_page_write_redirect(&b, 301,
	    SLICE("Moved Permanently"), (struct slice){ location, 2048 }));
	assert_true(has(&b, "href"));
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_says_status_sentence_and_number),
		cmocka_unit_test(what_comes_from_outside_is_escaped),
		cmocka_unit_test(json_says_the_same_and_stays_json),
		cmocka_unit_test(a_location_too_long_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
