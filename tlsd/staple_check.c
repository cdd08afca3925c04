/*
 * OCSP responses (RFC 6960) as staples.  Pure; used by the worker and by
 * "tlsd -t".
 *
 * Which certificate a response speaks of: its serial number and hashes of its
 * issuer's name and key, the latter only where the issuer is at hand.
 *
 * A response without nextUpdate says that there is always a newer one (RFC
 * 6960 section 4.2.2.1), so it is not served: nobody could tell when it
 * has become old.  "revoked" is served: hiding it would be a lie.
 */
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "common/check.h"
#include "tlsd/staple_check.h"

#define CLOCK_SKEW_S 300

static OCSP_BASICRESP *
decode(struct slice der, const char **reason)
{
	const unsigned char *p = (const unsigned char *)der.p;
	OCSP_RESPONSE *r = d2i_OCSP_RESPONSE(NULL, &p, (long)der.len);
	OCSP_BASICRESP *basic = NULL;

	if (r == NULL)
		*reason = "is no OCSP response in DER form";
	else if (OCSP_response_status(r) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		*reason = "is a responder's error instead of a response";
	else if ((basic = OCSP_response_get1_basic(r)) == NULL)
		*reason = "is an OCSP response of an unknown kind";
	OCSP_RESPONSE_free(r);
	return basic;
}

static bool
is_about(const OCSP_SINGLERESP *single, const X509 *leaf, const X509 *issuer)
{
	/* none of the getters changes what it is given */
	OCSP_CERTID *id = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single);
	OCSP_CERTID *ours;
	ASN1_OBJECT *digest;
	ASN1_INTEGER *serial;
	bool same;

	if (!OCSP_id_get0_info(NULL, &digest, NULL, &serial, id) ||
	    ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) != 0)
		return false;
	if (issuer == NULL)
		return true;
	ours = OCSP_cert_to_id(EVP_get_digestbyobj(digest), leaf, issuer);
	same = ours != NULL && OCSP_id_cmp(ours, id) == 0;
	OCSP_CERTID_free(ours);
	return same;
}

static OCSP_SINGLERESP *
find(OCSP_BASICRESP *basic, const X509 *leaf, const X509 *issuer)
{
	for (int i = 0; i < OCSP_resp_count(basic); i++)
		if (is_about(OCSP_resp_get0(basic, i), leaf, issuer))
			return OCSP_resp_get0(basic, i);
	return NULL;
}

static time_t
time_of(const ASN1_GENERALIZEDTIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : 0;
}

/* NULL: it is of use now. */
static const char *
judge_time(OCSP_SINGLERESP *single, time_t now, time_t *until)
{
	ASN1_GENERALIZEDTIME *begins = NULL, *ends = NULL;

	(void)OCSP_single_get0_status(single, NULL, NULL, &begins, &ends);
	if (begins == NULL || ends == NULL)
		return "does not say how long it is good (nextUpdate)";
	*until = time_of(ends);
	if (time_of(begins) > now + CLOCK_SKEW_S)
		return "is not valid yet";
	return *until > now ? NULL : "has expired";
}

/* By the issuer itself, or by a responder that it certified. */
static bool
is_signed(OCSP_BASICRESP *basic, X509 *issuer)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *certs = sk_X509_new_null();
	bool ok = store != NULL && certs != NULL &&
		  sk_X509_push(certs, issuer) > 0 &&
		  X509_STORE_add_cert(store, issuer) == 1 &&
		  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
		  OCSP_basic_verify(basic, certs, store, 0) == 1;

	sk_X509_free(certs);
	X509_STORE_free(store);
	return ok;
}

static enum staple_verdict
judge(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer, time_t now,
    time_t *until, const char **reason)
{
	OCSP_SINGLERESP *single = find(basic, leaf, issuer);

	*reason = "speaks of another certificate";
	if (single == NULL)
		return STAPLE_FOREIGN;
	*reason = judge_time(single, now, until);
	if (*reason != NULL)
		return STAPLE_BAD;
	*reason = "is not signed by the certificate's issuer";
	return issuer == NULL || is_signed(basic, issuer) ? STAPLE_GOOD
							  : STAPLE_BAD;
}

enum staple_verdict
staple_check(struct slice der, X509 *leaf, X509 *issuer, time_t now,
    time_t *until, const char **reason)
{
	OCSP_BASICRESP *basic = decode(der, reason);
	enum staple_verdict v = STAPLE_BAD;

	if (basic != NULL)
		v = judge(basic, leaf, issuer, now, until, reason);
	OCSP_BASICRESP_free(basic);
	ERR_clear_error();
	return v;
}

X509 *
staple_find_issuer(const STACK_OF(X509) * chain, X509 *leaf)
{
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (X509_check_issued(sk_X509_value(chain, i), leaf) ==
		    X509_V_OK)
			return sk_X509_value(chain, i);
	return NULL;
}
