#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "tests/unit/text.h"
#include "tests/unit/tlsd/pki_fixture.h"
#include "tlsd/worker/peer_cert.h"

static EVP_PKEY *key;

static int
set_up(void **state)
{
	(void)state;
	key = make_key("EC", "P-256");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	return 0;
}

static void
writes_names_in_rfc_2253_form_and_utf_8(void **state)
{
	static const struct {
		const char *cn;
		const char *subject;
	} cases[] = {
		{ "plain", "CN=plain,O=M\xc3\xbcller\\, Inc" },
		{ "a,b+c\"d\\e<f>g;h", "CN=a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h,"
				       "O=M\xc3\xbcller\\, Inc" },
		{ "#hash", "CN=\\#hash,O=M\xc3\xbcller\\, Inc" },
		{ " blank ", "CN=\\ blank\\ ,O=M\xc3\xbcller\\, Inc" },
		{ "line\nbreak", "CN=line\\0Abreak,O=M\xc3\xbcller\\, Inc" },
		{ "\xe2\x82\xac", "CN=\xe2\x82\xac,O=M\xc3\xbcller\\, Inc" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		X509 *c =
		    make_cert(key, &(struct cert_spec){ .cn = cases[i].cn });
		struct peer_cert p;
		struct arena a;

		arena_init(&a, 65536);
		assert_true(peer_cert_read(&p, c, &a));
		assert_text(p.subject, cases[i].subject);
		assert_text(p.issuer, cases[i].subject);
		assert_text(p.cn, cases[i].cn);
		arena_fini(&a);
		X509_free(c);
	}
}

static void
writes_serial_validity_and_fingerprint(void **state)
{
	X509 *c =
	    make_cert(key, &(struct cert_spec){ .cn = "x", .serial = 0x0abc });
	unsigned char digest[32];
	char hex[65];
	struct peer_cert p;
	struct arena a;

	(void)state;
	assert_true(
	    ASN1_TIME_set_string(X509_getm_notBefore(c), "491231235959Z"));
	assert_true(
	    ASN1_TIME_set_string(X509_getm_notAfter(c), "20500101000000Z"));
	NEED(X509_sign(c, key, EVP_sha256()));
	assert_true(X509_digest(c, EVP_sha256(), digest, NULL));
	for (size_t i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	arena_init(&a, 65536);
	assert_true(peer_cert_read(&p, c, &a));
	assert_text(p.serial, "0ABC");
	assert_text(p.not_before, "2049-12-31T23:59:59Z");
	assert_text(p.not_after, "2050-01-01T00:00:00Z");
	assert_text(p.fingerprint, hex);
	arena_fini(&a);
	X509_free(c);
}

static void
says_so_when_the_arena_is_full(void **state)
{
	X509 *c = make_cert(key, &(struct cert_spec){ .cn = "x" });
	struct peer_cert p;
	struct arena a;

	(void)state;
	arena_init(&a, 100);
	assert_false(peer_cert_read(&p, c, &a));
	arena_fini(&a);
	X509_free(c);
}

/* leaf <- middle <- upper <- root */
static STACK_OF(X509) * make_chain(void)
{
	static const char *const names[] = { "root", "upper", "middle",
		"leaf" };
	STACK_OF(X509) *chain = sk_X509_new_null();

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		X509 *issuer = sk_X509_value(chain, 0);
		X509 *c = make_cert(key, &(struct cert_spec){ .cn = names[i],
					     .issuer = issuer,
					     .issuer_key = key,
					     .is_ca = i < 3 });

		NEED(sk_X509_unshift(chain, c) > 0);
	}
	return chain;
}

static void
packs_a_chain_without_leaf_and_root(void **state)
{
	STACK_OF(X509) *chain = make_chain();
	struct slice got[8];
	char packed[8192];
	unsigned n = 99;
	size_t len = peer_cert_pack_chain(chain, packed, sizeof(packed));

	(void)state;
	assert_true(len > 1);
	assert_true(peer_cert_unpack_chain(
	    (struct slice){ packed, len }, got, ARRAY_LEN(got), &n));
	assert_int_equal(n, 2);
	for (unsigned i = 0; i < n; i++) {
		const unsigned char *p = (const unsigned char *)got[i].p;
		X509 *c = d2i_X509(NULL, &p, (long)got[i].len);

		assert_non_null(c);
		assert_int_equal(
		    X509_cmp(c, sk_X509_value(chain, (int)i + 1)), 0);
		X509_free(c);
	}
	/* no more than the caller takes */
	assert_true(
	    peer_cert_unpack_chain((struct slice){ packed, len }, got, 1, &n));
	assert_int_equal(n, 1);
	sk_X509_pop_free(chain, X509_free);
}

static void
packs_nothing_rather_than_a_part(void **state)
{
	STACK_OF(X509) *chain = make_chain();
	char packed[8192];
	size_t len = peer_cert_pack_chain(chain, packed, sizeof(packed));

	(void)state;
	for (size_t room = 0; room < len; room++)
		assert_int_equal(peer_cert_pack_chain(chain, packed, room), 0);
	assert_int_equal(peer_cert_pack_chain(chain, packed, len), len);
	sk_X509_pop_free(chain, X509_free);
}

static void
refuses_truncated_chains(void **state)
{
	static const char two[] = "C\x00\x03"
				  "abc\x00\x02"
				  "de";
	struct slice whole = SLICE(two), got[8];
	unsigned n;

	(void)state;
	for (size_t len = 0; len <= whole.len; len++) {
		/* at the borders it is a shorter chain */
		bool expect = len == 1 || len == 6 || len == whole.len;

		assert_int_equal(
		    expect, peer_cert_unpack_chain(
				slice_first(whole, len), got, 8, &n));
	}
	assert_int_equal(n, 2);
	assert_false(peer_cert_unpack_chain(SLICE("-"), got, 8, &n));
	assert_false(peer_cert_unpack_chain(SLICE("C\0\0"), got, 8, &n));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_names_in_rfc_2253_form_and_utf_8),
		cmocka_unit_test(writes_serial_validity_and_fingerprint),
		cmocka_unit_test(says_so_when_the_arena_is_full),
		cmocka_unit_test(packs_a_chain_without_leaf_and_root),
		cmocka_unit_test(packs_nothing_rather_than_a_part),
		cmocka_unit_test(refuses_truncated_chains),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
