/*
 * Encodings of certificates, and what a response that depends on one says to
 * caches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/rewrite/client_cert.h"

#define LEAF SLICE("\x30\x03\x02\x01\x05")   /* MAMCAQU= */
#define ISSUER SLICE("\x30\x03\x02\x01\x06") /* MAMCAQY= */

static void
each_encoding_is_one_line(void **state)
{
	const struct slice chain[2] = { ISSUER, LEAF };
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	assert_true(slice_eq(client_cert_b64(LEAF, &a), SLICE("MAMCAQU=")));
	assert_true(slice_eq(client_cert_pem1(LEAF, &a),
	    SLICE("-----BEGIN CERTIFICATE----- MAMCAQU= "
		  "-----END CERTIFICATE-----")));
	assert_true(
	    slice_eq(client_cert_rfc9440(LEAF, &a), SLICE(":MAMCAQU=:")));
	assert_true(slice_eq(
	    client_cert_chain_rfc9440(chain, 1, &a), SLICE(":MAMCAQY=:")));
	assert_true(slice_eq(client_cert_chain_rfc9440(chain, 2, &a),
	    SLICE(":MAMCAQY=:, :MAMCAQU=:")));
	arena_fini(&a);
}

static void
short_memory_is_reported(void **state)
{
	const struct slice chain[1] = { LEAF };
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	assert_null(client_cert_b64(LEAF, &a).p);
	assert_null(client_cert_pem1(LEAF, &a).p);
	assert_null(client_cert_rfc9440(LEAF, &a).p);
	assert_null(client_cert_chain_rfc9440(chain, 1, &a).p);
	arena_fini(&a);
}

/* RFC 9440 section 3.1 */
static void
what_varies_by_certificate_is_for_no_cache(void **state)
{
	static const struct {
		const char *said[2]; /* two Vary fields */
		const char *seen;    /* NULL: as said */
	} t[] = {
		{ { "Client-Cert", NULL }, "*" },
		{ { "client-cert-chain", NULL }, "*" },
		{ { "Accept, CLIENT-CERT, Cookie", NULL }, "*" },
		{ { "Accept", "Client-Cert" }, "*" },
		{ { "Client-Cert", "Accept" }, "*" },
		{ { "Accept", "Cookie" }, NULL },
		{ { "Client-Certificate", NULL }, NULL },
		{ { "*", NULL }, NULL },
		{ { NULL, NULL }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fields f = { 0 };
		size_t n = 0, left = 0;

		while (n < 2 && t[i].said[n] != NULL)
			assert_true(fields_add(
			    &f, SLICE("Vary"), slice_of(t[i].said[n++])));
		client_cert_vary(&f);
		for (unsigned k = 0; k < f.n; k++) {
			const char *want =
			    t[i].seen != NULL ? t[i].seen : t[i].said[k];

			if (f.v[k].drop)
				continue;
			left++;
			if (!slice_eq(f.v[k].value, slice_of(want)))
				fail_msg("case %zu: %.*s", i,
				    SLICE_FMT(f.v[k].value));
		}
		assert_int_equal(left, t[i].seen != NULL ? 1 : n);
		fields_fini(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_encoding_is_one_line),
		cmocka_unit_test(short_memory_is_reported),
		cmocka_unit_test(what_varies_by_certificate_is_for_no_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
