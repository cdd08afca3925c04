/*
 * OCSP responses made on the spot.  For tests.
 */
#ifndef TESTS_UNIT_TLSD_OCSP_FIXTURE_H
#define TESTS_UNIT_TLSD_OCSP_FIXTURE_H

#include <openssl/ocsp.h>

#include "common/slice.h"
#include "tests/unit/tlsd/pki_fixture.h"

struct ocsp_spec {
	X509 *leaf;
	X509 *issuer;
	X509 *responder; /* who signs */
	EVP_PKEY *responder_key;
	long from_s; /* thisUpdate and nextUpdate, from now; to_s 0: none */
	long to_s;
	int status; /* V_OCSP_CERTSTATUS_* */
};

/* DER, to be freed with OPENSSL_free(). */
FIXTURE struct slice
make_ocsp(const struct ocsp_spec *s)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), s->leaf, s->issuer);
	ASN1_TIME *from = X509_gmtime_adj(NULL, s->from_s);
	ASN1_TIME *to = s->to_s != 0 ? X509_gmtime_adj(NULL, s->to_s) : NULL;
	ASN1_TIME *revoked = s->status == V_OCSP_CERTSTATUS_REVOKED
				 ? X509_gmtime_adj(NULL, s->from_s)
				 : NULL;
	OCSP_RESPONSE *r;
	unsigned char *der = NULL;
	int len;

	NEED(
	    OCSP_basic_add1_status(basic, id, s->status, 0, revoked, from, to));
	NEED(OCSP_basic_sign(basic, s->responder, s->responder_key,
	    EVP_sha256(), NULL, s->responder == s->issuer ? OCSP_NOCERTS : 0));
	r = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	NEED(r != NULL);
	len = i2d_OCSP_RESPONSE(r, &der);
	NEED(len > 0);
	OCSP_RESPONSE_free(r);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	ASN1_TIME_free(revoked);
	return (struct slice){ (const char *)der, (size_t)len };
}

#endif
