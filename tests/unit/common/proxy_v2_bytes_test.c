/*
 * PROXY v2 headers as bytes: which are refused and why, and what is taken and
 * not used.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "tests/unit/common/proxy_v2_fixture.h"

#define IP4 "\x7f\0\0\1\x7f\0\0\1\0\1\0\2"
#define ZEROS_108                                                              \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
	"\0\0\0\0\0\0"
#define ROW(name, reason, literal)                                             \
	{                                                                      \
		(name), (reason),                                              \
		{                                                              \
			(literal), sizeof(literal) - 1                         \
		}                                                              \
	}

struct header_row {
	const char *name;
	const char *reason; /* NULL: it is a good one */
	struct slice in;    /* without the signature */
};

static size_t
with_signature(struct slice in)
{
	memcpy(wire, SIGNATURE, 12);
	memcpy(wire + 12, in.p, in.len);
	return 12 + in.len;
}

/* All at once, and then a byte at a time. */
static void
run(const struct header_row *row)
{
	size_t len = with_signature(row->in);
	enum proxy_v2_verdict want =
	    row->reason == NULL ? PROXY_V2_DONE : PROXY_V2_BAD;
	enum proxy_v2_verdict v;
	const char *reason;
	struct proxy_v2 got;
	size_t used;

	v = proxy_v2_decode((struct slice){ wire, len }, &got, &used, &reason);
	if (v != want || !slice_eq(slice_of(reason), slice_of(row->reason)))
		fail_msg("%s: %s", row->name, reason);
	v = PROXY_V2_MORE;
	for (size_t n = 0; n <= len && v == PROXY_V2_MORE; n++)
		v = proxy_v2_decode(
		    (struct slice){ wire, n }, &got, &used, &reason);
	if (v != want || !slice_eq(slice_of(reason), slice_of(row->reason)))
		fail_msg("%s: byte by byte: %s", row->name, reason);
}

static void
refuses_malformed_headers(void **state)
{
	static const struct header_row rows[] = {
		ROW("version 1", "unknown PROXY version", "\x11\x11\0\x0c" IP4),
		ROW("version 3", "unknown PROXY version", "\x31\x11\0\x0c" IP4),
		ROW("command 2", "unknown PROXY command", "\x22\x11\0\x0c" IP4),
		ROW("command 15", "unknown PROXY command",
		    "\x2f\x11\0\x0c" IP4),
		ROW("family 4", "unknown address family", "\x21\x41\0\0"),
		ROW("family 15", "unknown address family", "\x21\xf1\0\0"),
		ROW("transport 3", "unknown address family",
		    "\x21\x13\0\x0c" IP4),
		ROW("family without transport", "unknown address family",
		    "\x21\x10\0\x0c" IP4),
		ROW("transport without family", "unknown address family",
		    "\x21\x01\0\0"),
		ROW("unknown family of LOCAL", "unknown address family",
		    "\x20\x51\0\0"),
		ROW("no addresses", "address block is cut short",
		    "\x21\x11\0\0"),
		ROW("short IPv4 block", "address block is cut short",
		    "\x21\x11\0\x0b\x7f\0\0\1\x7f\0\0\1\0\1\0"),
		ROW("IPv4 block for IPv6", "address block is cut short",
		    "\x21\x21\0\x0c" IP4),
		ROW("IPv4 block for Unix", "address block is cut short",
		    "\x21\x31\0\x0c" IP4),
		ROW("half a record head", "record overruns the header",
		    "\x21\x11\0\x0e" IP4 "\x01\0"),
		ROW("record overruns", "record overruns the header",
		    "\x21\x11\0\x12" IP4 "\x01\0\x04"
		    "abc"),
		ROW("unknown record overruns", "record overruns the header",
		    "\x21\x11\0\x0f" IP4 "\xf1\xff\xff"),
		ROW("empty TLS record", "TLS record is too short",
		    "\x21\x11\0\x0f" IP4 "\x20\0\0"),
		ROW("short TLS record", "TLS record is too short",
		    "\x21\x11\0\x13" IP4 "\x20\0\4\1\0\0\0"),
		ROW("TLS record overruns", "record overruns the header",
		    "\x21\x11\0\x13" IP4 "\x20\0\5\1\0\0\0"),
		ROW("inner record overruns its parent",
		    "record within the TLS record overruns it",
		    "\x21\x11\0\x1b" IP4 "\x20\0\x08\1\0\0\0\0\x21\0\4"
		    "\x30\0\1x"),
		ROW("half an inner record head",
		    "record within the TLS record overruns it",
		    "\x21\x11\0\x16" IP4 "\x20\0\7\1\0\0\0\0\x21\0"),
		ROW("two 0x20", "TLS record came twice",
		    "\x21\x11\0\x1c" IP4 "\x20\0\5\1\0\0\0\0"
		    "\x20\0\5\1\0\0\0\0"),
		ROW("two 0x28", "a record came twice",
		    "\x21\x11\0\x1c" IP4 "\x20\0\x0d\1\0\0\0\0"
		    "\x28\0\1a\x28\0\1b"),
		ROW("two 0x28, one empty", "a record came twice",
		    "\x21\x11\0\x1b" IP4 "\x20\0\x0c\1\0\0\0\0"
		    "\x28\0\0\x28\0\1b"),
		ROW("two 0x22", "a record came twice",
		    "\x21\x11\0\x1c" IP4 "\x20\0\x0d\1\0\0\0\0"
		    "\x22\0\1a\x22\0\1b"),
		ROW("two ALPN", "a record came twice",
		    "\x21\0\0\x08\x01\0\1a\x01\0\1b"),
		ROW("two SNI", "a record came twice",
		    "\x21\0\0\x08\x02\0\1a\x02\0\1b"),
		ROW("two unique ids", "a record came twice",
		    "\x21\0\0\x08\x05\0\1a\x05\0\1b"),
		ROW("two subjects", "a record came twice",
		    "\x21\0\0\x08\xe1\0\1a\xe1\0\1b"),
		ROW("two listeners", "a record came twice",
		    "\x21\0\0\x08\xe9\0\1a\xe9\0\1b"),
		ROW("two cipher bits", "a record came twice",
		    "\x21\0\0\x0a\xea\0\2ab\xea\0\2ab"),
		ROW("two generations", "a record came twice",
		    "\x20\0\0\x0e\xeb\0\4abcd\xeb\0\4abcd"),
		ROW("two draining", "a record came twice",
		    "\x20\0\0\x06\xec\0\0\xec\0\0"),
		ROW("cipher bits of one byte", "a record has the wrong length",
		    "\x21\0\0\4\xea\0\1a"),
		ROW("generation of five bytes", "a record has the wrong length",
		    "\x21\0\0\x08\xeb\0\5abcde"),
		ROW("draining with a value", "a record has the wrong length",
		    "\x20\0\0\4\xec\0\1a"),
		ROW("empty chain certificate", "empty chain certificate",
		    "\x21\0\0\3\xe0\0\0"),
		ROW("nine chain certificates", "too many chain certificates",
		    "\x21\0\0\x24\xe0\0\1a\xe0\0\1b\xe0\0\1c\xe0\0\1d"
		    "\xe0\0\1e\xe0\0\1f\xe0\0\1g\xe0\0\1h\xe0\0\1i"),
		ROW("wrong CRC32C", "wrong checksum",
		    "\x21\x11\0\x13\x7f\0\0\1\x7f\0\0\1\xab\x7c"
		    "\x6d\xb0\x03\0\4\x4b\x8c\x4b\xda"),
		ROW("CRC32C of three bytes", "a record has the wrong length",
		    "\x21\0\0\6\x03\0\3\0\0\0"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		run(&rows[i]);
}

static void
takes_what_it_does_not_use(void **state)
{
	static const struct header_row rows[] = {
		ROW("UDP over IPv4", NULL, "\x21\x12\0\x0c" IP4),
		ROW("Unix stream", NULL, "\x21\x31\0\xd8" ZEROS_108 ZEROS_108),
		ROW("LOCAL with addresses", NULL, "\x20\x11\0\x0c" IP4),
		ROW("padding, twice", NULL, "\x21\0\0\x07\x04\0\1\0\x04\0\0"),
		ROW("network namespace", NULL, "\x21\0\0\x06\x30\0\3abc"),
		ROW("experiments, repeated", NULL,
		    "\x21\0\0\x08\xf1\0\1a\xf1\0\1b"),
		ROW("unknown within TLS", NULL,
		    "\x21\0\0\x0c\x20\0\x09\1\0\0\0\0\x2f\0\1a"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = with_signature(rows[i].in);
		struct proxy_v2 got;

		run(&rows[i]);
		decode((struct slice){ wire, len }, &got);
		assert_int_equal(got.src.len, 0);
		assert_int_equal(got.dst.len, 0);
	}
}

static void
tls_facts_count_only_within_the_tls_record(void **state)
{
	static const char outside[] =
	    "\x21\0\0\x12\x28\0\1c\x22\0\1n\x21\0\7TLSv1.3";
	struct proxy_v2 got;

	(void)state;
	assert_int_equal(
	    decode(
		(struct slice){ wire, with_signature(SLICE(outside)) }, &got),
	    PROXY_V2_DONE);
	assert_false(got.has_ssl);
	assert_int_equal(got.cert.len, 0);
	assert_int_equal(got.cn.len, 0);
	assert_int_equal(got.version.len, 0);
}

static void
refuses_a_wrong_signature_at_its_first_byte(void **state)
{
	size_t len = with_signature(SLICE("\x21\x11\0\x0c" IP4));
	struct proxy_v2 got;

	(void)state;
	for (size_t at = 0; at < 12; at++) {
		wire[at] = (char)(wire[at] ^ 1);
		assert_int_equal(
		    decode((struct slice){ wire, at }, &got), PROXY_V2_MORE);
		assert_int_equal(
		    decode((struct slice){ wire, at + 1 }, &got), PROXY_V2_BAD);
		assert_int_equal(
		    decode((struct slice){ wire, len }, &got), PROXY_V2_BAD);
		wire[at] = (char)(wire[at] ^ 1);
	}
	assert_int_equal(
	    decode(SLICE("GET / HTTP/1.1\r\n\r\n"), &got), PROXY_V2_BAD);
	assert_int_equal(
	    decode(SLICE("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), &got),
	    PROXY_V2_BAD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_malformed_headers),
		cmocka_unit_test(takes_what_it_does_not_use),
		cmocka_unit_test(tls_facts_count_only_within_the_tls_record),
		cmocka_unit_test(refuses_a_wrong_signature_at_its_first_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
