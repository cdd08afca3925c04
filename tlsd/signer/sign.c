/*
 * One request in, one reply out.  Runs in the signer.
 *
 * The order of the checks is the order of trust: the form of the message, the
 * key, the kind of the algorithm, then what is to be signed.  Nothing reaches
 * the key before all have passed.
 */
#include "common/check.h"
#include "tlsd/signer/point.h"
#include "tlsd/signer/sign.h"

static bool
has_false_point(struct slice tbs)
{
	struct tls_point p;

	return protocol_find_point(tbs, &p) && !point_is_on_curve(&p);
}

/* A key of a site signs for a server alone, one of a pool for a client. */
static bool
is_structure(const struct keyring *k, const struct sign_request *r)
{
	return keyring_is_client(k, r->key_no)
		   ? protocol_is_client_structure(r->algorithm, r->tbs)
		   : protocol_is_tls_structure(r->algorithm, r->tbs);
}

static bool
is_legal(const struct keyring *k, struct slice request, struct sign_request *r,
    const char **reason)
{
	if (!protocol_decode_request(request, r, reason))
		return false;
	if (r->key_no >= keyring_count(k)) {
		*reason = "no such key";
		return false;
	}
	if (!keyring_fits(k, r->key_no, r->algorithm)) {
		*reason = "algorithm does not fit the key";
		return false;
	}
	if (!is_structure(k, r)) {
		*reason = "not a structure that TLS signs";
		return false;
	}
	if (has_false_point(r->tbs)) {
		*reason = "its point is not on the curve";
		return false;
	}
	return true;
}

enum sign_status
sign_answer(const struct keyring *k, struct slice request, char *out,
    size_t *out_bytes, const char **reason)
{
	char signature[PROTOCOL_MAX_MESSAGE / 2];
	struct sign_request r = { .id = 0 };
	struct sign_reply reply = { .status = SIGN_OK };

	if (!is_legal(k, request, &r, reason)) {
		reply.status = SIGN_REFUSED;
	} else {
		reply.signature.p = signature;
		reply.signature.len = keyring_sign(k, r.key_no, r.algorithm,
		    r.tbs, signature, sizeof(signature));
		if (reply.signature.len == 0)
			reply.status = SIGN_FAILED;
	}
	reply.id = r.id;
	*out_bytes = protocol_encode_reply(&reply, out, PROTOCOL_MAX_MESSAGE);
	CHECK(*out_bytes > 0);
	return reply.status;
}
