/*
 * Whether bytes are a point of their curve.  Runs in the signer.
 *
 * A point is half chosen and half computed: whoever chooses x gets one of two
 * y.  Without this check a worker that has been broken into could put any 132
 * bytes where P-521 has a point, and behind the two randoms they are enough
 * for a certificate.  It costs some microseconds and only up to TLS 1.2.
 */
#include "tlsd/signer/point.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include "common/check.h"

/* Made at its first use, and kept; NULL: any bytes, or out of memory. */
static const EC_GROUP *
curve_of(uint16_t group)
{
	static EC_GROUP *p256, *p384, *p521;
	struct {
		uint16_t group;
		int nid;
		EC_GROUP **made;
	} curves[] = {
		{ 23, NID_X9_62_prime256v1, &p256 },
		{ 24, NID_secp384r1, &p384 },
		{ 25, NID_secp521r1, &p521 },
	};

	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		EC_GROUP **made = curves[i].made;

		if (curves[i].group != group)
			continue;
		if (*made == NULL)
			*made = EC_GROUP_new_by_curve_name(curves[i].nid);
		return *made;
	}
	return NULL;
}

static bool
is_montgomery(uint16_t group)
{
	return group == 29 || group == 30;
}

bool
point_is_on_curve(const struct tls_point *p)
{
	const EC_GROUP *curve = curve_of(p->group);
	EC_POINT *point = NULL;
	bool ok;

	if (is_montgomery(p->group))
		return true;
	if (curve != NULL)
		point = EC_POINT_new(curve);
	ok = point != NULL &&
	     EC_POINT_oct2point(curve, point, (const unsigned char *)p->bytes.p,
		 p->bytes.len, NULL) == 1;
	EC_POINT_free(point);
	ERR_clear_error();
	return ok;
}
