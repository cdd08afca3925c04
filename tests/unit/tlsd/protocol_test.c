#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "common/check.h"
#include "tlsd/protocol.h"

#define CONTEXT "TLS 1.3, server CertificateVerify"

/* The structure that RFC 8446 4.4.3 signs, with a hash of hash_bytes. */
static struct slice
certificate_verify(char *out, size_t hash_bytes)
{
	memset(out, ' ', 64);
	memcpy(out + 64, CONTEXT, sizeof(CONTEXT));
	memset(out + 64 + sizeof(CONTEXT), 0xa5, hash_bytes);
	return (struct slice){ out, 64 + sizeof(CONTEXT) + hash_bytes };
}

/* The structure that RFC 8422 5.4 signs, with the mark of RFC 8446 4.1.3. */
static struct slice
key_exchange(char *out, uint16_t group, size_t point_bytes, char mark)
{
	memset(out, 0x5a, 64);
	memcpy(out + 56, "DOWNGRD", 7);
	out[63] = mark;
	out[64] = 3;
	put_be16(out + 65, group);
	out[67] = (char)point_bytes;
	memset(out + 68, 4, point_bytes);
	return (struct slice){ out, 68 + point_bytes };
}

static const enum sign_algorithm all[] = { SIGN_RSA_PKCS1_SHA256,
	SIGN_RSA_PKCS1_SHA384, SIGN_RSA_PKCS1_SHA512, SIGN_RSA_PSS_SHA256,
	SIGN_RSA_PSS_SHA384, SIGN_RSA_PSS_SHA512, SIGN_ECDSA_SHA256,
	SIGN_ECDSA_SHA384, SIGN_ECDSA_SHA512, SIGN_ED25519, SIGN_ED448,
	SIGN_RSA_PKCS1_MD5_SHA1, SIGN_ECDSA_SHA1 };

/* TLS 1.0 and 1.1, or 1.2 */
static char
mark_of(enum sign_algorithm a)
{
	return a >= SIGN_RSA_PKCS1_MD5_SHA1 ? 0 : 1;
}

static void
signs_certificate_verify_with_what_tls_1_3_knows(void **state)
{
	char room[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		bool expect =
		    all[i] >= SIGN_RSA_PSS_SHA256 && all[i] <= SIGN_ED448;

		assert_int_equal(expect, protocol_is_tls_structure(all[i],
					     certificate_verify(room, 32)));
		assert_int_equal(expect, protocol_is_tls_structure(all[i],
					     certificate_verify(room, 48)));
	}
}

static void
signs_key_exchanges_of_known_groups_with_every_algorithm(void **state)
{
	static const struct {
		uint16_t group;
		size_t point_bytes;
	} good[] = { { 23, 65 }, { 24, 97 }, { 25, 133 }, { 29, 32 },
		{ 30, 56 } };
	char room[512];

	(void)state;
	for (size_t g = 0; g < ARRAY_LEN(good); g++)
		for (size_t i = 0; i < ARRAY_LEN(all); i++)
			assert_true(protocol_is_tls_structure(
			    all[i], key_exchange(room, good[g].group,
					good[g].point_bytes, mark_of(all[i]))));
}

static void
refuses_key_exchanges_of_other_groups_or_lengths(void **state)
{
	static const struct {
		uint16_t group;
		size_t point_bytes;
	} bad[] = { { 23, 64 }, { 23, 66 }, { 23, 33 }, { 24, 65 }, { 25, 132 },
		{ 29, 31 }, { 29, 33 }, { 29, 0 }, { 30, 32 }, { 26, 65 },
		{ 22, 65 }, { 19, 49 }, { 256, 128 }, { 0, 0 }, { 0, 65 },
		{ 4588, 32 } };
	char room[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(protocol_is_tls_structure(SIGN_ECDSA_SHA256,
		    key_exchange(room, bad[i].group, bad[i].point_bytes, 1)));
}

/* Without it the 64 bytes in front would be anybody's. */
static void
refuses_a_server_random_without_the_mark_of_its_version(void **state)
{
	char room[512];
	struct slice s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		s = key_exchange(room, 29, 32, mark_of(all[i]));
		for (size_t at = 56; at < 64; at++) {
			room[at] ^= 1;
			assert_false(protocol_is_tls_structure(all[i], s));
			room[at] ^= 1;
		}
		assert_true(protocol_is_tls_structure(all[i], s));
	}
}

static void
finds_the_point_of_a_key_exchange_and_none_in_1_3(void **state)
{
	char room[512];
	struct slice s = key_exchange(room, 24, 97, 1);
	struct tls_point p;

	(void)state;
	assert_true(protocol_find_point(s, &p));
	assert_int_equal(p.group, 24);
	assert_ptr_equal(p.bytes.p, room + 68);
	assert_int_equal(p.bytes.len, 97);
	assert_false(protocol_find_point(certificate_verify(room, 48), &p));
}

static void
refuses_a_compressed_or_explicit_curve(void **state)
{
	char room[512];
	struct slice s = key_exchange(room, 23, 65, 1);

	(void)state;
	room[68] = 2;
	assert_false(protocol_is_tls_structure(SIGN_ECDSA_SHA256, s));
	s = key_exchange(room, 23, 65, 1);
	room[64] = 1;
	assert_false(protocol_is_tls_structure(SIGN_ECDSA_SHA256, s));
}

static void
refuses_a_length_byte_that_lies(void **state)
{
	char room[512];
	struct slice s = key_exchange(room, 29, 32, 1);

	(void)state;
	room[67] = 31;
	assert_false(protocol_is_tls_structure(SIGN_ED25519, s));
}

/* Each byte of the fixed part matters, so the client's context does too. */
static void
refuses_certificate_verify_with_any_fixed_byte_changed(void **state)
{
	char room[512];

	(void)state;
	for (size_t i = 0; i < 64 + sizeof(CONTEXT); i++) {
		struct slice s = certificate_verify(room, 32);

		room[i] ^= 1;
		assert_false(protocol_is_tls_structure(SIGN_ECDSA_SHA256, s));
	}
}

static void
refuses_what_is_not_from_tls(void **state)
{
	static const char digest_info[51] = { 0x30, 0x31, 0x30, 0x0d };
	char certificate[600] = { 0x30, (char)0x82, 0x02, 0x54 };

	(void)state;
	assert_false(protocol_is_tls_structure(SIGN_RSA_PKCS1_SHA256,
	    (struct slice){ digest_info, sizeof(digest_info) }));
	assert_false(protocol_is_tls_structure(SIGN_RSA_PKCS1_SHA256,
	    (struct slice){ certificate, sizeof(certificate) }));
	assert_false(protocol_is_tls_structure(SIGN_ED25519, SLICE_NONE));
	assert_false(protocol_is_tls_structure(SIGN_ED25519, SLICE("x")));
}

/* No prefix, and nothing longer, of a legal structure is legal. */
static void
refuses_every_truncation_and_every_extension(void **state)
{
	char room[600] = { 0 };

	(void)state;
	for (size_t which = 0; which < 2; which++) {
		struct slice s = which == 0 ? certificate_verify(room, 32)
					    : key_exchange(room, 24, 97, 1);

		for (size_t len = 0; len < s.len + 20; len++) {
			/* 48 is the other legal hash: 16 more */
			bool expect =
			    len == s.len || (which == 0 && len == s.len + 16);

			assert_int_equal(
			    expect, protocol_is_tls_structure(SIGN_ECDSA_SHA384,
					(struct slice){ room, len }));
		}
	}
}

/* A run of handshake messages with bodies of 40 bytes. */
static struct slice
transcript(char *out, const char *types)
{
	size_t n = strlen(types);

	for (size_t i = 0; i < n; i++) {
		memset(out + 44 * i, 0x5a, 44);
		put_be32(out + 44 * i, (uint32_t)types[i] << 24 | 40);
	}
	return (struct slice){ out, 44 * n };
}

#define HELLOS "\1\2\13"
#define LAST "\15\16\13\20"

static void
a_client_signs_a_whole_run_of_messages_up_to_1_2(void **state)
{
	static const char *const good[] = {
		HELLOS LAST,
		HELLOS "\14" LAST,
		HELLOS "\26\14" LAST,
		HELLOS "\26" LAST,
	};
	static const char *const bad[] = {
		"",
		"\1",
		HELLOS "\16\13\20", /* no CertificateRequest */
		HELLOS "\15\16\13", /* no ClientKeyExchange */
		HELLOS LAST "\17",  /* CertificateVerify itself */
		HELLOS LAST "\20",
		"\2" HELLOS LAST,
		"\2\13" LAST,
		HELLOS "\14\14" LAST,
		HELLOS "\14\26" LAST,
		HELLOS "\4" LAST,
		"\1\13\2" LAST,
	};
	char room[1024];
	struct slice s;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(good); k++)
		for (size_t i = 0; i < ARRAY_LEN(all); i++) {
			s = transcript(room, good[k]);
			assert_int_equal(mark_of(all[i]) == 1,
			    protocol_is_client_structure(all[i], s));
			assert_false(protocol_is_tls_structure(all[i], s));
		}
	for (size_t k = 0; k < ARRAY_LEN(bad); k++)
		assert_false(protocol_is_client_structure(
		    SIGN_ECDSA_SHA256, transcript(room, bad[k])));
}

static void
a_client_signs_no_run_that_is_cut_or_lies_about_a_length(void **state)
{
	char room[1024];
	struct slice s = transcript(room, HELLOS LAST);

	(void)state;
	for (size_t n = 0; n < s.len; n++)
		assert_false(protocol_is_client_structure(
		    SIGN_ECDSA_SHA256, slice_first(s, n)));
	for (size_t i = 0; i < s.len / 44; i++) {
		room[44 * i + 3]++;
		assert_false(
		    protocol_is_client_structure(SIGN_ECDSA_SHA256, s));
		room[44 * i + 3] = 40;
		room[44 * i + 1]++;
		assert_false(
		    protocol_is_client_structure(SIGN_ECDSA_SHA256, s));
		room[44 * i + 1] = 0;
	}
	assert_true(protocol_is_client_structure(SIGN_ECDSA_SHA256, s));
}

/* One that a server's signature could be taken for. */
static void
a_client_signs_no_run_that_is_a_key_exchange_too(void **state)
{
	static const struct {
		char type;
		char len;
	} parts[] = { { 1, 65 }, { 2, 0 }, { 11, 0 }, { 13, 0 }, { 14, 0 },
		{ 11, 0 }, { 16, 40 } };
	/* within the first: named curve P-256, a point of 65 bytes */
	static const char curve[] = { 3, 0, 23, 65, 4 };
	char room[256] = { 0 };
	struct slice s = { room, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		room[s.len] = parts[i].type;
		room[s.len + 3] = parts[i].len;
		s.len += 4 + (size_t)parts[i].len;
	}
	assert_true(protocol_is_client_structure(SIGN_ECDSA_SHA256, s));
	memcpy(room + 64, curve, sizeof(curve));
	assert_false(protocol_is_client_structure(SIGN_ECDSA_SHA256, s));
}

static void
both_sides_sign_their_own_certificate_verify_alone(void **state)
{
	char room[512];
	struct slice s = certificate_verify(room, 32);

	(void)state;
	assert_false(protocol_is_client_structure(SIGN_ECDSA_SHA256, s));
	memcpy(room + 64 + 9, "client", 6);
	assert_true(protocol_is_client_structure(SIGN_ECDSA_SHA256, s));
	assert_false(protocol_is_tls_structure(SIGN_ECDSA_SHA256, s));
	assert_false(protocol_is_client_structure(SIGN_RSA_PKCS1_SHA256, s));
}

static void
a_request_survives_the_trip(void **state)
{
	char tbs[512], wire[PROTOCOL_MAX_MESSAGE];
	struct sign_request in = { SIGN_RSA_PSS_SHA384, 513, 0xfedcba98,
		certificate_verify(tbs, 48) };
	struct sign_request out;
	const char *reason;
	size_t n = protocol_encode_request(&in, wire, sizeof(wire));

	(void)state;
	assert_int_equal(n, 8 + in.tbs.len);
	assert_true(
	    protocol_decode_request((struct slice){ wire, n }, &out, &reason));
	assert_int_equal(out.algorithm, in.algorithm);
	assert_int_equal(out.key_no, 513);
	assert_int_equal(out.id, 0xfedcba98);
	assert_true(slice_eq(out.tbs, in.tbs));
}

static void
refuses_malformed_requests_with_a_reason(void **state)
{
	static char wire[8 + PROTOCOL_MAX_TBS + 1] = { 'S', SIGN_ED25519, 0, 0,
		0, 0, 0, 1 };
	struct sign_request out;
	const char *reason;
	struct slice whole = { wire, 40 };

	(void)state;
	assert_true(protocol_decode_request(whole, &out, &reason));
	for (size_t len = 0; len <= 8; len++) {
		assert_false(protocol_decode_request(
		    slice_first(whole, len), &out, &reason));
		assert_string_equal(reason, "not a request");
	}
	assert_false(protocol_decode_request(
	    (struct slice){ wire, sizeof(wire) }, &out, &reason));
	assert_string_equal(reason, "too long");
	for (int a = 0; a < 256; a++) {
		bool expect =
		    a >= SIGN_RSA_PKCS1_SHA256 && a <= SIGN_ECDSA_SHA1;

		wire[1] = (char)a;
		assert_int_equal(
		    expect, protocol_decode_request(whole, &out, &reason));
	}
	wire[1] = SIGN_ED25519;
	wire[7] = 0;
	assert_false(protocol_decode_request(whole, &out, &reason));
	assert_string_equal(reason, "request without id");
	wire[7] = 1;
	wire[0] = 'R';
	assert_false(protocol_decode_request(whole, &out, &reason));
}

static void
a_request_that_is_too_long_is_not_encoded(void **state)
{
	static char tbs[PROTOCOL_MAX_TBS + 1];
	static char wire[PROTOCOL_MAX_REQUEST];
	struct sign_request r = { SIGN_ED25519, 0, 1, { tbs, sizeof(tbs) } };

	(void)state;
	assert_int_equal(protocol_encode_request(&r, wire, sizeof(wire)), 0);
	r.tbs.len--;
	assert_int_equal(protocol_encode_request(&r, wire, sizeof(wire)),
	    8 + PROTOCOL_MAX_TBS);
	assert_int_equal(protocol_encode_request(&r, wire, 100), 0);
}

static void
a_reply_survives_the_trip(void **state)
{
	char wire[64];
	struct sign_reply in = { SIGN_OK, 77, SLICE("signature") };
	struct sign_reply out;
	size_t n = protocol_encode_reply(&in, wire, sizeof(wire));

	(void)state;
	assert_true(protocol_decode_reply((struct slice){ wire, n }, &out));
	assert_int_equal(out.status, SIGN_OK);
	assert_int_equal(out.id, 77);
	assert_true(slice_eq(out.signature, in.signature));

	in = (struct sign_reply){ SIGN_REFUSED, 78, SLICE_NONE };
	n = protocol_encode_reply(&in, wire, sizeof(wire));
	assert_true(protocol_decode_reply((struct slice){ wire, n }, &out));
	assert_int_equal(out.status, SIGN_REFUSED);
}

static void
refuses_malformed_replies(void **state)
{
	char wire[12] = { 'R', SIGN_OK, 0, 0, 0, 0, 0, 1, 's', 'i', 'g', 'n' };
	struct slice whole = { wire, sizeof(wire) };
	struct sign_reply out;

	(void)state;
	assert_true(protocol_decode_reply(whole, &out));
	for (size_t len = 0; len <= 8; len++)
		assert_false(
		    protocol_decode_reply(slice_first(whole, len), &out));
	wire[1] = SIGN_FAILED; /* with a signature */
	assert_false(protocol_decode_reply(whole, &out));
	wire[1] = 3;
	assert_false(protocol_decode_reply(whole, &out));
	wire[1] = SIGN_OK;
	wire[3] = 1;
	assert_false(protocol_decode_reply(whole, &out));
}

static void
a_key_survives_the_trip(void **state)
{
	char wire[128];
	struct slice out;
	uint16_t no;
	size_t n = protocol_encode_key(258, SLICE("spki"), wire, sizeof(wire));

	(void)state;
	assert_true(protocol_decode_key((struct slice){ wire, n }, &no, &out));
	assert_int_equal(no, 258);
	assert_true(slice_eq(out, SLICE("spki")));
	assert_false(protocol_decode_key((struct slice){ wire, 4 }, &no, &out));
	wire[0] = 'R';
	assert_false(protocol_decode_key((struct slice){ wire, n }, &no, &out));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    signs_certificate_verify_with_what_tls_1_3_knows),
		cmocka_unit_test(
		    signs_key_exchanges_of_known_groups_with_every_algorithm),
		cmocka_unit_test(
		    refuses_key_exchanges_of_other_groups_or_lengths),
		cmocka_unit_test(
		    refuses_a_server_random_without_the_mark_of_its_version),
		cmocka_unit_test(
		    finds_the_point_of_a_key_exchange_and_none_in_1_3),
		cmocka_unit_test(refuses_a_compressed_or_explicit_curve),
		cmocka_unit_test(refuses_a_length_byte_that_lies),
		cmocka_unit_test(
		    refuses_certificate_verify_with_any_fixed_byte_changed),
		cmocka_unit_test(refuses_what_is_not_from_tls),
		cmocka_unit_test(refuses_every_truncation_and_every_extension),
		cmocka_unit_test(
		    a_client_signs_a_whole_run_of_messages_up_to_1_2),
		cmocka_unit_test(
		    a_client_signs_no_run_that_is_cut_or_lies_about_a_length),
		cmocka_unit_test(
		    a_client_signs_no_run_that_is_a_key_exchange_too),
		cmocka_unit_test(
		    both_sides_sign_their_own_certificate_verify_alone),
		cmocka_unit_test(a_request_survives_the_trip),
		cmocka_unit_test(refuses_malformed_requests_with_a_reason),
		cmocka_unit_test(a_request_that_is_too_long_is_not_encoded),
		cmocka_unit_test(a_reply_survives_the_trip),
		cmocka_unit_test(refuses_malformed_replies),
		cmocka_unit_test(a_key_survives_the_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
