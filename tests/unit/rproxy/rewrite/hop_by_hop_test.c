/*
 * What Connection takes along, and what it must not name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/rewrite/hop_by_hop.h"

static struct fields
message(const char *connection)
{
	struct fields f = { 0 };

	assert_true(fields_add(&f, SLICE("Host"), SLICE("h")));
	assert_true(fields_add(&f, SLICE("Connection"), slice_of(connection)));
	assert_true(fields_add(&f, SLICE("Keep-Alive"), SLICE("timeout=5")));
	assert_true(fields_add(&f, SLICE("X-Hop"), SLICE("1")));
	assert_true(fields_add(&f, SLICE("TE"), SLICE("trailers")));
	assert_true(fields_add(&f, SLICE("Upgrade"), SLICE("websocket")));
	assert_true(
	    fields_add(&f, SLICE("Transfer-Encoding"), SLICE("chunked")));
	assert_true(fields_add(&f, SLICE("Proxy-Connection"), SLICE("x")));
	assert_true(fields_add(&f, SLICE("Trailer"), SLICE("X-T")));
	assert_true(fields_add(&f, SLICE("Cookie"), SLICE("a=b")));
	return f;
}

static void
hop_by_hop_fields_and_named_ones_are_dropped(void **state)
{
	struct fields f = message("close, X-Hop");
	struct hop_by_hop h;

	(void)state;
	assert_int_equal(hop_by_hop_remove(&f, &h), REASON_OK);
	assert_true(h.close);
	assert_false(h.keep_alive);
	assert_false(h.upgrade);
	for (unsigned i = 0; i < f.n; i++) {
		bool stays = slice_eq(f.v[i].name, SLICE("Host")) ||
			     slice_eq(f.v[i].name, SLICE("Cookie"));

		assert_int_equal(f.v[i].drop, !stays);
	}
	fields_fini(&f);
}

/* CPU time is what a client would spend of ours. */
static void
a_flood_of_options_is_refused(void **state)
{
	static const char option[] = "a,";
	char text[51 * 2 + 1] = "";
	struct hop_by_hop h;

	(void)state;
	for (unsigned n = 1; n <= 51; n++) {
		strcat(text, option);
		struct fields f = message(text);

		assert_int_equal(hop_by_hop_remove(&f, &h),
		    n <= 50 ? REASON_OK : REASON_BAD_CONNECTION);
		fields_fini(&f);
	}
}

static void
fields_that_are_not_named_stay(void **state)
{
	struct fields f = message("keep-alive");
	struct hop_by_hop h;

	(void)state;
	assert_int_equal(hop_by_hop_remove(&f, &h), REASON_OK);
	assert_true(h.keep_alive);
	assert_non_null(fields_find(&f, SLICE("X-Hop")));
	fields_fini(&f);
}

static void
upgrade_needs_both_fields(void **state)
{
	struct fields f = message("Upgrade");
	struct fields without = { 0 };
	struct hop_by_hop h;

	(void)state;
	assert_int_equal(hop_by_hop_remove(&f, &h), REASON_OK);
	assert_true(h.upgrade);
	assert_true(slice_eq(h.upgrade_to, SLICE("websocket")));
	fields_fini(&f);
	assert_true(
	    fields_add(&without, SLICE("Connection"), SLICE("upgrade")));
	assert_int_equal(hop_by_hop_remove(&without, &h), REASON_OK);
	assert_false(h.upgrade);
	fields_fini(&without);
}

static void
end_to_end_fields_must_not_be_named(void **state)
{
	static const char *const bad[] = { "Host", "content-length", "Cookie",
		"close, AUTHORIZATION", "X-Forwarded-For", "x_forwarded_proto",
		"SSL_CLIENT_CERT", "Via", "$WSSC", "Content-Type", "a b",
		"\"close\"", "close;x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct fields f = message(bad[i]);
		struct hop_by_hop h;

		if (hop_by_hop_remove(&f, &h) != REASON_BAD_CONNECTION)
			fail_msg("%s passes", bad[i]);
		fields_fini(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hop_by_hop_fields_and_named_ones_are_dropped),
		cmocka_unit_test(a_flood_of_options_is_refused),
		cmocka_unit_test(fields_that_are_not_named_stay),
		cmocka_unit_test(upgrade_needs_both_fields),
		cmocka_unit_test(end_to_end_fields_must_not_be_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
