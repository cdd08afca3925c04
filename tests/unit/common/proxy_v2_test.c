/*
 * PROXY v2 headers, written and read back; and what haproxy writes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "common/check.h"
#include "tests/unit/common/proxy_v2_fixture.h"
#include "tests/unit/text.h"

static char der[70000];

static void
assert_same_slice(struct slice a, struct slice b)
{
	if (!slice_eq(a, b))
		fail_msg("%.*s is not %.*s", SLICE_FMT(a), SLICE_FMT(b));
}

static void
assert_same_facts(const struct proxy_v2 *a, const struct proxy_v2 *b)
{
	assert_same_slice(a->alpn, b->alpn);
	assert_same_slice(a->authority, b->authority);
	assert_same_slice(a->unique_id, b->unique_id);
	assert_same_slice(a->subject, b->subject);
	assert_same_slice(a->issuer, b->issuer);
	assert_same_slice(a->serial, b->serial);
	assert_same_slice(a->fingerprint, b->fingerprint);
	assert_same_slice(a->not_before, b->not_before);
	assert_same_slice(a->not_after, b->not_after);
	assert_same_slice(a->verify_text, b->verify_text);
	assert_same_slice(a->session_id, b->session_id);
	assert_same_slice(a->listener, b->listener);
	assert_int_equal(a->cipher_bits, b->cipher_bits);
	assert_int_equal(a->generation, b->generation);
	assert_int_equal(a->draining, b->draining);
}

static void
assert_same_tls(const struct proxy_v2 *a, const struct proxy_v2 *b)
{
	assert_int_equal(a->has_ssl, b->has_ssl);
	assert_int_equal(a->client, b->client);
	assert_int_equal(a->verify, b->verify);
	assert_same_slice(a->version, b->version);
	assert_same_slice(a->cn, b->cn);
	assert_same_slice(a->cipher, b->cipher);
	assert_same_slice(a->sig_alg, b->sig_alg);
	assert_same_slice(a->key_alg, b->key_alg);
	assert_same_slice(a->group, b->group);
	assert_same_slice(a->sig_scheme, b->sig_scheme);
	assert_same_slice(a->cert, b->cert);
	assert_int_equal(a->n_chain, b->n_chain);
	for (unsigned i = 0; i < a->n_chain; i++)
		assert_same_slice(a->chain[i], b->chain[i]);
}

static void
assert_same(const struct proxy_v2 *a, const struct proxy_v2 *b)
{
	assert_int_equal(a->command, b->command);
	assert_true(addr_eq(&a->src, &b->src));
	assert_true(addr_eq(&a->dst, &b->dst));
	assert_same_facts(a, b);
	assert_same_tls(a, b);
}

static struct proxy_v2
plain_client(const char *src, const char *dst)
{
	struct proxy_v2 pp = { .command = PROXY_V2_PROXY };

	pp.src = addr_of(src);
	pp.dst = addr_of(dst);
	return pp;
}

static struct proxy_v2
tls_client(void)
{
	struct proxy_v2 pp = plain_client("192.0.2.1:54321", "192.0.2.9:443");

	pp.alpn = SLICE("http/1.1");
	pp.authority = SLICE("portal.example.com");
	pp.unique_id = SLICE("0f3a-17");
	pp.has_ssl = true;
	pp.client = PROXY_V2_CLIENT_SSL;
	pp.version = SLICE("TLSv1.3");
	pp.cipher = SLICE("TLS_AES_256_GCM_SHA384");
	pp.sig_alg = SLICE("SHA256");
	pp.key_alg = SLICE("RSA2048");
	pp.group = SLICE("x25519");
	pp.sig_scheme = SLICE("rsa_pss_rsae_sha256");
	pp.session_id = SLICE("00ff");
	pp.listener = SLICE("public");
	pp.cipher_bits = 256;
	pp.generation = 0x01020304;
	return pp;
}

static struct proxy_v2
cert_client(void)
{
	struct proxy_v2 pp = tls_client();

	pp.client = PROXY_V2_CLIENT_SSL | PROXY_V2_CLIENT_CERT_CONN |
		    PROXY_V2_CLIENT_CERT_SESS;
	pp.verify = 10;
	pp.cn = SLICE("Erika Mustermann");
	pp.cert = (struct slice){ der, 900 };
	pp.subject = SLICE("CN=Erika Mustermann,O=Example");
	pp.issuer = SLICE("CN=Users CA,O=Example");
	pp.serial = SLICE("0A1B");
	pp.fingerprint = SLICE("ab");
	pp.not_before = SLICE("2026-01-01T00:00:00Z");
	pp.not_after = SLICE("2027-01-01T00:00:00Z");
	pp.verify_text = SLICE("certificate has expired");
	for (unsigned i = 0; i < PROXY_V2_CHAIN_MAX; i++)
		pp.chain[i] = (struct slice){ der + i, 1000 + i };
	pp.n_chain = PROXY_V2_CHAIN_MAX;
	return pp;
}

static struct proxy_v2
drain_notice(void)
{
	return (struct proxy_v2){
		.command = PROXY_V2_LOCAL, .generation = 7, .draining = true
	};
}

static void
decodes_what_it_encodes(void **state)
{
	const struct proxy_v2 rows[] = {
		{ .command = PROXY_V2_LOCAL },
		{ .command = PROXY_V2_PROXY },
		plain_client("192.0.2.1:1", "192.0.2.2:65535"),
		plain_client("[2001:db8::1]:1024", "[2001:db8::2]:443"),
		plain_client("192.0.2.1:1", "[2001:db8::2]:443"),
		plain_client("[::ffff:192.0.2.1]:1", "192.0.2.2:443"),
		tls_client(),
		cert_client(),
		drain_notice(),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = proxy_v2_encode(&rows[i], wire, sizeof(wire));
		struct proxy_v2 got;

		assert_true(len >= 16);
		assert_int_equal(
		    decode((struct slice){ wire, len }, &got), PROXY_V2_DONE);
		assert_same(&got, &rows[i]);
	}
}

static void
writes_the_family_that_fits_both_addresses(void **state)
{
	static const struct {
		const char *src;
		const char *dst;
		unsigned char family;
	} rows[] = {
		{ "192.0.2.1:1", "192.0.2.2:2", 0x11 },
		{ "[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:2", 0x11 },
		{ "[2001:db8::1]:1", "[2001:db8::2]:2", 0x21 },
		{ "192.0.2.1:1", "[2001:db8::2]:2", 0x21 },
		{ "/run/a", "/run/b", 0x00 },
		{ "/run/a", "192.0.2.2:2", 0x00 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct proxy_v2 pp = plain_client(rows[i].src, rows[i].dst);
		size_t len = proxy_v2_encode(&pp, wire, sizeof(wire));

		assert_int_equal((unsigned char)wire[13], rows[i].family);
		assert_int_equal(be16(wire + 14), len - 16);
	}
}

static void
a_plain_ipv4_header_is_these_28_bytes(void **state)
{
	static const char want[] =
	    SIGNATURE "\x21\x11\x00\x0c"
		      "\xc0\x00\x02\x01\xc6\x33\x64\x02\xd4\x31\x01\xbb";
	struct proxy_v2 pp =
	    plain_client("192.0.2.1:54321", "198.51.100.2:443");

	(void)state;
	assert_int_equal(proxy_v2_encode(&pp, wire, 28), 28);
	assert_memory_equal(wire, want, 28);
	assert_int_equal(proxy_v2_encode(&pp, wire, 27), 0);
	assert_int_equal(proxy_v2_encode(&pp, wire, 0), 0);
}

/* A header read off a socket behind haproxy 2.6.12. */
static void
reads_what_haproxy_says_of_a_certificate(void **state)
{
	static const char haproxy[] =
	    SIGNATURE "\x21\x11\x00\x9a"
		      "\x7f\x00\x00\x01\x7f\x00\x00\x01\xdb\x24\x6f\x1b"
		      "\x03\x00\x04\x17\xa1\xe5\x18"
		      "\x01\x00\x08http/1.1"
		      "\x02\x00\x12portal.example.com"
		      "\x05\x00\x0f"
		      "127.0.0.1:56100"
		      "\x20\x00\x52\x07\x00\x00\x00\x00"
		      "\x21\x00\x07TLSv1.3"
		      "\x22\x00\x10"
		      "Erika Mustermann"
		      "\x25\x00\x07RSA2048"
		      "\x24\x00\x0aRSA-SHA256"
		      "\x23\x00\x16TLS_AES_256_GCM_SHA384";
	struct proxy_v2 want =
	    plain_client("127.0.0.1:56100", "127.0.0.1:28443");
	struct proxy_v2 got;

	(void)state;
	want.alpn = SLICE("http/1.1");
	want.authority = SLICE("portal.example.com");
	want.unique_id = SLICE("127.0.0.1:56100");
	want.has_ssl = true;
	want.client = 7;
	want.version = SLICE("TLSv1.3");
	want.cn = SLICE("Erika Mustermann");
	want.key_alg = SLICE("RSA2048");
	want.sig_alg = SLICE("RSA-SHA256");
	want.cipher = SLICE("TLS_AES_256_GCM_SHA384");
	assert_int_equal(decode(SLICE(haproxy), &got), PROXY_V2_DONE);
	assert_same(&got, &want);
	assert_true(proxy_v2_is_verified(&got));
}

/* The same of a client without TLS: it sends 0x20, all zero. */
static void
reads_what_haproxy_says_of_a_plain_client(void **state)
{
	static const char haproxy[] =
	    SIGNATURE "\x21\x11\x00\x1e"
		      "\x7f\x00\x00\x01\x7f\x00\x00\x01\xab\x7c\x6d\xb0"
		      "\x03\x00\x04\x4b\x8c\x4b\xda"
		      "\x05\x00\x00"
		      "\x20\x00\x05\x00\x00\x00\x00\x00";
	struct proxy_v2 got;

	(void)state;
	assert_int_equal(decode(SLICE(haproxy), &got), PROXY_V2_DONE);
	assert_true(got.has_ssl);
	assert_int_equal(got.client, 0);
	assert_false(proxy_v2_is_verified(&got));
}

static void
verified_needs_a_certificate_and_a_zero(void **state)
{
	static const struct {
		uint8_t client;
		uint32_t verify;
		bool want;
	} rows[] = {
		{ 0x01, 0, false }, /* as haproxy says without certificate */
		{ 0x03, 0, true },
		{ 0x05, 0, true },
		{ 0x07, 0, true },
		{ 0x07, 1, false },
		{ 0x06, 0, false },
		{ 0x00, 0, false },
	};
	struct proxy_v2 pp = cert_client();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		pp.client = rows[i].client;
		pp.verify = rows[i].verify;
		assert_int_equal(proxy_v2_is_verified(&pp), rows[i].want);
	}
	pp.client = 7;
	pp.verify = 0;
	assert_true(proxy_v2_is_verified(&pp));
	pp.has_ssl = false;
	assert_false(proxy_v2_is_verified(&pp));
	pp.has_ssl = true;
	pp.command = PROXY_V2_LOCAL;
	assert_false(proxy_v2_is_verified(&pp));
}

static void
a_chain_that_is_too_large_is_cut_from_the_end(void **state)
{
	struct proxy_v2 pp = cert_client();
	struct proxy_v2 got;
	size_t len;

	(void)state;
	pp.chain[0].len = 20000;
	pp.chain[1].len = 20000;
	pp.chain[2].len = 30000; /* does not fit */
	pp.chain[3].len = 10;    /* would, but then there is a gap */
	pp.n_chain = 4;
	len = proxy_v2_encode(&pp, wire, sizeof(wire));
	assert_int_equal(
	    decode((struct slice){ wire, len }, &got), PROXY_V2_DONE);
	pp.n_chain = 2;
	assert_same(&got, &pp);
}

static void
a_small_room_costs_the_chain_and_nothing_else(void **state)
{
	struct proxy_v2 pp = cert_client();
	size_t whole = proxy_v2_encode(&pp, wire, sizeof(wire));
	unsigned n = pp.n_chain;
	size_t bare;
	struct proxy_v2 got;

	(void)state;
	while (n > 0) {
		size_t len = proxy_v2_encode(&pp, wire, whole - 1);

		n--;
		assert_int_equal(len, whole - 3 - pp.chain[n].len);
		assert_int_equal(
		    decode((struct slice){ wire, len }, &got), PROXY_V2_DONE);
		assert_int_equal(got.n_chain, n);
		whole = len;
	}
	pp.n_chain = 0;
	bare = proxy_v2_encode(&pp, wire, sizeof(wire));
	assert_int_equal(bare, whole);
	for (size_t room = 0; room < bare; room++)
		assert_int_equal(proxy_v2_encode(&pp, wire, room), 0);
}

static void
refuses_to_write_what_16_bits_cannot_say(void **state)
{
	struct proxy_v2 pp = cert_client();
	char id[129] = { 0 };

	(void)state;
	pp.n_chain = 0;
	pp.cert.len = 64000;
	assert_true(proxy_v2_encode(&pp, wire, sizeof(wire)) > 64000);
	pp.cert.len = 65535;
	assert_int_equal(proxy_v2_encode(&pp, wire, sizeof(wire)), 0);
	pp.cert.len = 65536;
	assert_int_equal(proxy_v2_encode(&pp, wire, sizeof(wire)), 0);
	pp = tls_client();
	pp.unique_id = (struct slice){ id, 128 };
	assert_true(proxy_v2_encode(&pp, wire, sizeof(wire)) > 0);
	pp.unique_id.len = 129;
	assert_int_equal(proxy_v2_encode(&pp, wire, sizeof(wire)), 0);
}

static void
any_prefix_of_a_good_header_wants_more(void **state)
{
	struct proxy_v2 pp = cert_client();
	size_t len = proxy_v2_encode(&pp, wire, sizeof(wire));
	struct proxy_v2 got;

	(void)state;
	for (size_t n = 0; n < len; n++)
		assert_int_equal(
		    decode((struct slice){ wire, n }, &got), PROXY_V2_MORE);
	assert_int_equal(
	    decode((struct slice){ wire, len }, &got), PROXY_V2_DONE);
	assert_same(&got, &pp);
}

static void
bytes_behind_the_header_are_left_alone(void **state)
{
	struct proxy_v2 pp = tls_client();
	size_t len = proxy_v2_encode(&pp, wire, sizeof(wire));
	struct proxy_v2 got;
	const char *reason;
	size_t used = 0;

	(void)state;
	memcpy(wire + len, "GET / HTTP/1.1\r\n", 16);
	assert_int_equal(proxy_v2_decode((struct slice){ wire, len + 16 }, &got,
			     &used, &reason),
	    PROXY_V2_DONE);
	assert_int_equal(used, len);
	assert_same(&got, &pp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_what_it_encodes),
		cmocka_unit_test(writes_the_family_that_fits_both_addresses),
		cmocka_unit_test(a_plain_ipv4_header_is_these_28_bytes),
		cmocka_unit_test(reads_what_haproxy_says_of_a_certificate),
		cmocka_unit_test(reads_what_haproxy_says_of_a_plain_client),
		cmocka_unit_test(verified_needs_a_certificate_and_a_zero),
		cmocka_unit_test(a_chain_that_is_too_large_is_cut_from_the_end),
		cmocka_unit_test(a_small_room_costs_the_chain_and_nothing_else),
		cmocka_unit_test(refuses_to_write_what_16_bits_cannot_say),
		cmocka_unit_test(any_prefix_of_a_good_header_wants_more),
		cmocka_unit_test(bytes_behind_the_header_are_left_alone),
	};

	for (size_t i = 0; i < sizeof(der); i++)
		der[i] = (char)(i * 7 + (i >> 8));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
