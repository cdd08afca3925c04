/*
 * Proxy-Status in its three modes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rproxy/proxy_status.h"

/* The value added; "" for none. */
static const char *
value(enum proxy_status_mode mode, char *name, enum reason why,
    const char *server)
{
	static char text[256];
	const struct http_conf http = { .via_name = name,
		.proxy_status = mode };
	struct fields f = { 0 };
	struct arena a;

	arena_init(&a, 4096);
	assert_true(proxy_status_add(&f, &http, why, server, &a));
	text[0] = '\0';
	if (f.n > 0) {
		assert_int_equal(f.n, 1);
		assert_true(slice_eq(f.v[0].name, SLICE("Proxy-Status")));
		(void)snprintf(
		    text, sizeof(text), "%.*s", SLICE_FMT(f.v[0].value));
	}
	fields_fini(&f);
	arena_fini(&a);
	return text;
}

static void
off_says_nothing(void **state)
{
	(void)state;
	assert_string_equal(
	    value(PROXY_STATUS_OFF, "gw", REASON_SERVER_RESET, "s"), "");
}

static void
short_says_the_kind_alone(void **state)
{
	(void)state;
	assert_string_equal(value(PROXY_STATUS_SHORT, "gw",
				REASON_CONNECT_REFUSED, "10.0.0.1:80"),
	    "gw; error=connection_refused");
}

static void
full_says_reason_and_server(void **state)
{
	(void)state;
	assert_string_equal(
	    value(PROXY_STATUS_FULL, "gw", REASON_CONNECT_REFUSED, "[::1]:80"),
	    "gw; error=connection_refused; details=\"connect_refused\"; "
	    "next-hop=\"[::1]:80\"");
	assert_string_equal(
	    value(PROXY_STATUS_FULL, "gw", REASON_NO_ROUTE, NULL),
	    "gw; error=destination_not_found; details=\"no_route\"");
}

static void
a_name_that_is_no_structured_token_is_quoted(void **state)
{
	(void)state;
	assert_string_equal(value(PROXY_STATUS_SHORT, "9gw", REASON_LOOP, NULL),
	    "\"9gw\"; error=proxy_loop_detected");
}

static void
a_reason_without_a_type_says_nothing(void **state)
{
	(void)state;
	assert_string_equal(
	    value(PROXY_STATUS_FULL, "gw", REASON_CLIENT_GONE, NULL), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(off_says_nothing),
		cmocka_unit_test(short_says_the_kind_alone),
		cmocka_unit_test(full_says_reason_and_server),
		cmocka_unit_test(a_name_that_is_no_structured_token_is_quoted),
		cmocka_unit_test(a_reason_without_a_type_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
