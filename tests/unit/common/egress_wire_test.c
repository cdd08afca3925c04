#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "common/check.h"
#include "common/egress_wire.h"

#define HEAD "\r\n\r\n\0\r\nQUIT\n\x20\0"

static char wire[4096];

/* A LOCAL header with these records. */
static struct slice
header(struct slice records)
{
	memcpy(wire, HEAD, 14);
	put_be16(wire + 14, (uint16_t)records.len);
	memcpy(wire + 16, records.p, records.len);
	return (struct slice){ wire, 16 + records.len };
}

/* The same with one record. */
static struct slice
record(uint8_t type, struct slice value)
{
	char text[2048] = { (char)type };

	put_be16(text + 1, (uint16_t)value.len);
	memcpy(text + 3, value.p, value.len);
	return header((struct slice){ text, 3 + value.len });
}

static void
assert_slice(struct slice have, const char *want)
{
	assert_int_equal(have.len, strlen(want));
	assert_memory_equal(have.p, want, have.len);
}

static void
a_target_comes_back_at_the_last_byte(void **state)
{
	const struct egress_target t = { SLICE("portal.example.com"),
		SLICE("reports"), SLICE("reports.intra:8443") };
	struct egress_target got;
	const char *reason = NULL;
	char out[EGRESS_WIRE_MAX];
	size_t used = 0;
	size_t len = egress_wire_encode_target(&t, out);

	(void)state;
	assert_true(len > 0);
	for (size_t n = 0; n < len; n++)
		assert_int_equal(
		    egress_wire_decode_target(
			(struct slice){ out, n }, &got, &used, &reason),
		    PROXY_V2_MORE);
	assert_int_equal(egress_wire_decode_target(
			     (struct slice){ out, len }, &got, &used, &reason),
	    PROXY_V2_DONE);
	assert_int_equal(used, len);
	assert_slice(got.site, "portal.example.com");
	assert_slice(got.pool, "reports");
	assert_slice(got.server, "reports.intra:8443");
}

static void
an_outcome_comes_back_at_the_last_byte(void **state)
{
	const struct egress_outcome rows[] = {
		{ .code = EGRESS_CONNECTED,
		    .version = SLICE("TLSv1.3"),
		    .cipher = SLICE("TLS_AES_128_GCM_SHA256") },
		{ .code = EGRESS_CERTIFICATE,
		    .text =
			SLICE("certificate has expired: CN=M\xc3\xbcller") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct egress_outcome got;
		const char *reason = NULL;
		char out[EGRESS_WIRE_MAX];
		size_t used = 0;
		size_t len = egress_wire_encode_outcome(&rows[i], out);

		assert_true(len > 0);
		for (size_t n = 0; n < len; n++)
			assert_int_equal(
			    egress_wire_decode_outcome(
				(struct slice){ out, n }, &got, &used, &reason),
			    PROXY_V2_MORE);
		assert_int_equal(
		    egress_wire_decode_outcome(
			(struct slice){ out, len }, &got, &used, &reason),
		    PROXY_V2_DONE);
		assert_int_equal(used, len);
		assert_int_equal(got.code, rows[i].code);
		assert_true(slice_eq(got.text, rows[i].text));
		assert_true(slice_eq(got.version, rows[i].version));
		assert_true(slice_eq(got.cipher, rows[i].cipher));
	}
}

static void
refuses_targets_that_are_not_three_texts(void **state)
{
	static const struct {
		struct slice value;
		const char *reason;
	} rows[] = {
		{ SLICE("a"), "target has less than three texts" },
		{ SLICE("a\0b"), "target has less than three texts" },
		{ SLICE("\0b\0c:1"), "empty text in the target" },
		{ SLICE("a\0\0c:1"), "empty text in the target" },
		{ SLICE("a\0b\0c:1\0"), "target has more than three texts" },
		{ SLICE("a\0b\0c:1\0d"), "target has more than three texts" },
	};
	struct egress_target got;
	const char *reason = NULL;
	size_t used = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(
		    egress_wire_decode_target(
			record(0xed, rows[i].value), &got, &used, &reason),
		    PROXY_V2_BAD);
		assert_string_equal(reason, rows[i].reason);
	}
	assert_int_equal(
	    egress_wire_decode_target(
		record(0xed, SLICE("a\0b\0")), &got, &used, &reason),
	    PROXY_V2_BAD);
	assert_int_equal(egress_wire_decode_target(
			     record(0xee, SLICE("\1x")), &got, &used, &reason),
	    PROXY_V2_BAD);
	assert_string_equal(reason, "header names no target");
}

static void
refuses_outcomes_that_tell_nothing_or_too_much(void **state)
{
	static const struct {
		struct slice value;
		const char *reason;
	} rows[] = {
		{ SLICE("\10text"), "unknown code of an outcome" },
		{ SLICE("\377text"), "unknown code of an outcome" },
		{ SLICE("\1"), "outcome without a text" },
		{ SLICE("\1a\nb"), "control character in the text" },
		{ SLICE("\1a\xc2\x9b"), "control character in the text" },
		{ SLICE("\1a\0b"), "control character in the text" },
		{ SLICE("\0"), "outcome and TLS record do not fit" },
	};
	struct egress_outcome got;
	const char *reason = NULL;
	size_t used = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(
		    egress_wire_decode_outcome(
			record(0xee, rows[i].value), &got, &used, &reason),
		    PROXY_V2_BAD);
		assert_memory_equal(
		    reason, rows[i].reason, strlen(rows[i].reason));
	}
}

static void
refuses_a_header_that_speaks_for_a_client(void **state)
{
	struct slice in = record(0xed, SLICE("a\0b\0c:1"));
	struct egress_target got;
	const char *reason = NULL;
	size_t used = 0;

	(void)state;
	wire[12] = 0x21;
	assert_int_equal(
	    egress_wire_decode_target(in, &got, &used, &reason), PROXY_V2_BAD);
	assert_string_equal(reason, "header speaks for a client");
}

static void
refuses_long_headers_before_they_are_there(void **state)
{
	struct egress_target got;
	const char *reason = NULL;
	size_t used = 0;
	char text[EGRESS_TARGET_MAX + 1];

	(void)state;
	memcpy(wire, HEAD, 14);
	put_be16(wire + 14, EGRESS_WIRE_MAX - 15);
	assert_int_equal(egress_wire_decode_target(
			     (struct slice){ wire, 16 }, &got, &used, &reason),
	    PROXY_V2_BAD);
	put_be16(wire + 14, EGRESS_WIRE_MAX - 16);
	assert_int_equal(egress_wire_decode_target(
			     (struct slice){ wire, 16 }, &got, &used, &reason),
	    PROXY_V2_MORE);

	memset(text, 'a', sizeof(text));
	text[1] = text[3] = '\0';
	assert_int_equal(
	    egress_wire_decode_target(
		record(0xed, (struct slice){ text, EGRESS_TARGET_MAX }), &got,
		&used, &reason),
	    PROXY_V2_DONE);
	assert_int_equal(
	    egress_wire_decode_target(
		record(0xed, (struct slice){ text, EGRESS_TARGET_MAX + 1 }),
		&got, &used, &reason),
	    PROXY_V2_BAD);
	assert_string_equal(reason, "target is too long");
}

static void
the_longest_of_each_fits_and_longer_is_not_sent(void **state)
{
	char text[EGRESS_TEXT_MAX + 1];
	char out[EGRESS_WIRE_MAX];
	struct egress_outcome o = { .code = EGRESS_HANDSHAKE };
	struct egress_target t = { SLICE("a"), SLICE("b"), SLICE_NONE };

	(void)state;
	memset(text, 'x', sizeof(text));
	o.text = (struct slice){ text, EGRESS_TEXT_MAX };
	assert_true(egress_wire_encode_outcome(&o, out) > 0);
	o.text.len++;
	assert_int_equal(egress_wire_encode_outcome(&o, out), 0);
	t.server = (struct slice){ text, EGRESS_TARGET_MAX - 4 };
	assert_true(egress_wire_encode_target(&t, out) > 0);
	t.server.len++;
	assert_int_equal(egress_wire_encode_target(&t, out), 0);
	t.server = SLICE_NONE;
	assert_int_equal(egress_wire_encode_target(&t, out), 0);
}

static void
says_how_much_is_the_headers_from_its_beginning_on(void **state)
{
	const struct egress_outcome o = { .code = EGRESS_REFUSED,
		.text = SLICE("nobody listens") };
	char out[EGRESS_WIRE_MAX];
	size_t len = egress_wire_encode_outcome(&o, out);

	(void)state;
	for (size_t i = 0; i <= len; i++)
		assert_int_equal(egress_wire_wants((struct slice){ out, i }),
		    i < 16 ? 16 : len);
}

static void
spells_a_server_with_its_port_and_brackets(void **state)
{
	char out[EGRESS_SERVER_MAX];

	(void)state;
	assert_string_equal(
	    egress_wire_server("reports.intra", 443, out), "reports.intra:443");
	assert_string_equal(
	    egress_wire_server("2001:db8::1", 8443, out), "[2001:db8::1]:8443");
}

static void
any_text_can_be_made_fit_to_be_sent(void **state)
{
	char text[2 * EGRESS_TEXT_MAX] = "a\nb\x7f\xc2\x9b"
					 "c\xc3\xbc";
	struct egress_outcome o = { .code = EGRESS_HANDSHAKE };
	char out[EGRESS_WIRE_MAX];

	(void)state;
	o.text = egress_wire_clean(text);
	assert_true(slice_eq(o.text, SLICE("a?b??\x9b"
					   "c\xc3\xbc")));
	assert_true(egress_wire_encode_outcome(&o, out) > 0);
	for (size_t shift = 0; shift < 2; shift++) {
		memset(text, 'x', shift);
		for (size_t i = shift; i + 1 < sizeof(text); i += 2)
			memcpy(text + i, "\xc3\xbc", 2);
		text[sizeof(text) - 1] = '\0';
		o.text = egress_wire_clean(text);
		assert_int_equal(o.text.len, EGRESS_TEXT_MAX - shift);
		assert_true(egress_wire_encode_outcome(&o, out) > 0);
	}
}

static void
every_code_has_a_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < EGRESS_CODES; i++)
		assert_true(strlen(egress_wire_name((enum egress_code)i)) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_comes_back_at_the_last_byte),
		cmocka_unit_test(an_outcome_comes_back_at_the_last_byte),
		cmocka_unit_test(refuses_targets_that_are_not_three_texts),
		cmocka_unit_test(
		    refuses_outcomes_that_tell_nothing_or_too_much),
		cmocka_unit_test(refuses_a_header_that_speaks_for_a_client),
		cmocka_unit_test(refuses_long_headers_before_they_are_there),
		cmocka_unit_test(
		    the_longest_of_each_fits_and_longer_is_not_sent),
		cmocka_unit_test(
		    says_how_much_is_the_headers_from_its_beginning_on),
		cmocka_unit_test(spells_a_server_with_its_port_and_brackets),
		cmocka_unit_test(any_text_can_be_made_fit_to_be_sent),
		cmocka_unit_test(every_code_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
