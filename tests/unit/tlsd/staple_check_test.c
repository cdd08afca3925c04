#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "tests/unit/tlsd/ocsp_fixture.h"
#include "tlsd/staple_check.h"

static struct {
	EVP_PKEY *ca_key, *key, *stranger_key, *delegate_key;
	X509 *ca, *leaf, *other, *stranger, *delegate;
} pki;

static int
set_up(void **state)
{
	(void)state;
	pki.ca_key = make_key("EC", "P-256");
	pki.key = make_key("EC", "P-256");
	pki.stranger_key = make_key("EC", "P-256");
	pki.delegate_key = make_key("EC", "P-256");
	pki.ca = make_cert(
	    pki.ca_key, &(struct cert_spec){ .cn = "CA", .is_ca = 1 });
	pki.stranger = make_cert(
	    pki.stranger_key, &(struct cert_spec){ .cn = "CA", .is_ca = 1 });
	pki.leaf = make_cert(pki.key, &(struct cert_spec){ .cn = "leaf",
					  .serial = 7,
					  .issuer = pki.ca,
					  .issuer_key = pki.ca_key });
	pki.other = make_cert(pki.key, &(struct cert_spec){ .cn = "other",
					   .serial = 8,
					   .issuer = pki.ca,
					   .issuer_key = pki.ca_key });
	/* no extendedKeyUsage: may not sign OCSP responses */
	pki.delegate =
	    make_cert(pki.delegate_key, &(struct cert_spec){ .cn = "delegate",
					    .serial = 9,
					    .issuer = pki.ca,
					    .issuer_key = pki.ca_key });
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	EVP_PKEY_free(pki.ca_key);
	EVP_PKEY_free(pki.key);
	EVP_PKEY_free(pki.stranger_key);
	EVP_PKEY_free(pki.delegate_key);
	X509_free(pki.ca);
	X509_free(pki.leaf);
	X509_free(pki.other);
	X509_free(pki.stranger);
	X509_free(pki.delegate);
	return 0;
}

static struct ocsp_spec
good(void)
{
	return (struct ocsp_spec){ .leaf = pki.leaf,
		.issuer = pki.ca,
		.responder = pki.ca,
		.responder_key = pki.ca_key,
		.from_s = -60,
		.to_s = 3600 };
}

static void
assert_verdict(const struct ocsp_spec *s, X509 *issuer,
    enum staple_verdict want, const char *words)
{
	struct slice der = make_ocsp(s);
	const char *reason = "";
	time_t until = 0;

	assert_int_equal(
	    staple_check(der, pki.leaf, issuer, time(NULL), &until, &reason),
	    want);
	if (want == STAPLE_GOOD)
		assert_in_range((uintmax_t)until,
		    (uintmax_t)(time(NULL) + s->to_s - 5),
		    (uintmax_t)(time(NULL) + s->to_s));
	else if (strstr(reason, words) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", words, reason);
	OPENSSL_free((void *)der.p);
}

static void
takes_what_the_issuer_says_about_the_certificate(void **state)
{
	struct ocsp_spec s = good();

	(void)state;
	assert_verdict(&s, pki.ca, STAPLE_GOOD, "");
	assert_verdict(&s, NULL, STAPLE_GOOD, "");
	s.status = V_OCSP_CERTSTATUS_REVOKED;
	assert_verdict(&s, pki.ca, STAPLE_GOOD, "");
}

static void
knows_what_is_about_another_certificate(void **state)
{
	struct ocsp_spec s = good();

	(void)state;
	s.leaf = pki.other;
	assert_verdict(&s, pki.ca, STAPLE_FOREIGN, "another certificate");
	assert_verdict(&s, NULL, STAPLE_FOREIGN, "another certificate");
	/* the same serial number, but from a CA of the same name */
	s = good();
	s.issuer = s.responder = pki.stranger;
	s.responder_key = pki.stranger_key;
	assert_verdict(&s, pki.ca, STAPLE_FOREIGN, "another certificate");
}

static void
refuses_what_is_out_of_its_time(void **state)
{
	struct ocsp_spec s = good();

	(void)state;
	s.to_s = -1;
	assert_verdict(&s, pki.ca, STAPLE_BAD, "has expired");
	s = good();
	s.from_s = 3000;
	assert_verdict(&s, pki.ca, STAPLE_BAD, "not valid yet");
	s = good();
	s.to_s = 0;
	assert_verdict(&s, pki.ca, STAPLE_BAD, "nextUpdate");
}

static void
refuses_a_signature_of_somebody_else(void **state)
{
	struct ocsp_spec s = good();

	(void)state;
	s.responder = pki.stranger;
	s.responder_key = pki.stranger_key;
	assert_verdict(&s, pki.ca, STAPLE_BAD, "not signed");
	s.responder = pki.delegate;
	s.responder_key = pki.delegate_key;
	assert_verdict(&s, pki.ca, STAPLE_BAD, "not signed");
}

static void
refuses_a_response_that_was_changed(void **state)
{
	struct ocsp_spec s = good();
	struct slice der = make_ocsp(&s);
	const char *reason;
	time_t until;

	(void)state;
	for (size_t n = 0; n < der.len; n++)
		assert_int_not_equal(staple_check(slice_first(der, n), pki.leaf,
					 pki.ca, time(NULL), &until, &reason),
		    STAPLE_GOOD);
	for (size_t i = 0; i < der.len; i++) {
		char *p = (char *)der.p + i;

		*p = (char)(*p ^ 1);
		/* what the signature does not cover is the choice of words */
		(void)staple_check(
		    der, pki.leaf, pki.ca, time(NULL), &until, &reason);
		*p = (char)(*p ^ 1);
	}
	((char *)der.p)[der.len - 1] ^= 1;
	assert_int_equal(
	    staple_check(der, pki.leaf, pki.ca, time(NULL), &until, &reason),
	    STAPLE_BAD);
	OPENSSL_free((void *)der.p);
}

static void
says_what_is_no_response_at_all(void **state)
{
	static const unsigned char try_later[] = { 0x30, 3, 0x0a, 1, 3 };
	const char *reason;
	time_t until;

	(void)state;
	assert_int_equal(staple_check(SLICE("-----BEGIN"), pki.leaf, pki.ca, 0,
			     &until, &reason),
	    STAPLE_BAD);
	assert_non_null(strstr(reason, "no OCSP response"));
	assert_int_equal(staple_check((struct slice){ (const char *)try_later,
					  sizeof(try_later) },
			     pki.leaf, pki.ca, 0, &until, &reason),
	    STAPLE_BAD);
	assert_non_null(strstr(reason, "responder's error"));
}

static void
finds_the_issuer_in_a_chain(void **state)
{
	STACK_OF(X509) *chain = sk_X509_new_null();

	(void)state;
	assert_null(staple_find_issuer(NULL, pki.leaf));
	sk_X509_push(chain, pki.other);
	assert_null(staple_find_issuer(chain, pki.leaf));
	sk_X509_push(chain, pki.ca);
	assert_ptr_equal(staple_find_issuer(chain, pki.leaf), pki.ca);
	sk_X509_free(chain);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    takes_what_the_issuer_says_about_the_certificate),
		cmocka_unit_test(knows_what_is_about_another_certificate),
		cmocka_unit_test(refuses_what_is_out_of_its_time),
		cmocka_unit_test(refuses_a_signature_of_somebody_else),
		cmocka_unit_test(refuses_a_response_that_was_changed),
		cmocka_unit_test(says_what_is_no_response_at_all),
		cmocka_unit_test(finds_the_issuer_in_a_chain),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
