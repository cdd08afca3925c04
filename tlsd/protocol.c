/*
 * What workers and the signer say to each other, encoder and decoder, and the
 * grammar of what may be signed.  Pure; linked into both processes.
 *
 * The grammar is the signer's defence against a worker that has been broken
 * into: it signs the two structures that a TLS server signs, and with the keys
 * of pools the two that a client signs, and so cannot be made to sign a
 * certificate, a token or a message of another protocol.  None of the four can
 * be taken for another: those of 1.3 begin with spaces and a text, those of a
 * server have fixed lengths, and what has the form of both of 1.2 is refused.
 *
 * TLS 1.3: RFC 8446 section 4.4.3.  TLS 1.2: RFC 8422 section 5.4 (named
 * curves only), RFC 8422 section 5.1.1 for the groups.
 *
 * The one of TLS 1.2 has no context string, and what surrounds its few fixed
 * bytes is random.  To a signer that took any bytes for randoms and points, a
 * whole certificate could be given: the fixed bytes within its serial number,
 * the rest where P-521 has a point.  So two things more are demanded: the end
 * of server_random by which a server that speaks TLS 1.3 marks an older
 * version (RFC 8446 section 4.1.3), as tlsd always does, and a point that is
 * on its curve (signer/point.c), of which one half cannot be chosen.
 */
#include <string.h>

#include "common/bytes.h"
#include "common/check.h"
#include "tlsd/protocol.h"

#define HEAD_BYTES 8 /* of requests and replies */
#define KEY_HEAD_BYTES 4
#define RANDOMS_BYTES 64

static size_t
put_message(const char *head, size_t head_bytes, struct slice body, char *out,
    size_t room_bytes)
{
	if (head_bytes + body.len > room_bytes)
		return 0;
	memcpy(out, head, head_bytes);
	if (body.len > 0)
		memcpy(out + head_bytes, body.p, body.len);
	return head_bytes + body.len;
}

size_t
protocol_encode_request(
    const struct sign_request *r, char *out, size_t room_bytes)
{
	char head[HEAD_BYTES] = { 'S', (char)r->algorithm };

	if (r->tbs.len > PROTOCOL_MAX_TBS)
		return 0;
	put_be16(head + 2, r->key_no);
	put_be32(head + 4, r->id);
	return put_message(head, HEAD_BYTES, r->tbs, out, room_bytes);
}

size_t
protocol_encode_reply(const struct sign_reply *r, char *out, size_t room_bytes)
{
	char head[HEAD_BYTES] = { 'R', (char)r->status };

	put_be32(head + 4, r->id);
	return put_message(head, HEAD_BYTES, r->signature, out, room_bytes);
}

size_t
protocol_encode_key(
    uint16_t key_no, struct slice spki, char *out, size_t room_bytes)
{
	char head[KEY_HEAD_BYTES] = { 'K', 0 };

	put_be16(head + 2, key_no);
	return put_message(head, KEY_HEAD_BYTES, spki, out, room_bytes);
}

static bool
is_algorithm(uint8_t a)
{
	return a >= SIGN_RSA_PKCS1_SHA256 && a <= SIGN_ECDSA_SHA1;
}

bool
protocol_decode_request(
    struct slice in, struct sign_request *out, const char **reason)
{
	if (in.len <= HEAD_BYTES || in.p[0] != 'S') {
		*reason = "not a request";
		return false;
	}
	if (in.len - HEAD_BYTES > PROTOCOL_MAX_TBS) {
		*reason = "too long";
		return false;
	}
	if (!is_algorithm((uint8_t)in.p[1])) {
		*reason = "unknown algorithm";
		return false;
	}
	out->algorithm = (enum sign_algorithm)in.p[1];
	out->key_no = be16(in.p + 2);
	out->id = be32(in.p + 4);
	out->tbs = slice_from(in, HEAD_BYTES);
	if (out->id == 0) {
		*reason = "request without id";
		return false;
	}
	return true;
}

bool
protocol_decode_reply(struct slice in, struct sign_reply *out)
{
	if (in.len < HEAD_BYTES || in.p[0] != 'R' ||
	    (uint8_t)in.p[1] > SIGN_FAILED || be16(in.p + 2) != 0)
		return false;
	out->status = (enum sign_status)in.p[1];
	out->id = be32(in.p + 4);
	out->signature = slice_from(in, HEAD_BYTES);
	return (out->signature.len > 0) == (out->status == SIGN_OK);
}

bool
protocol_decode_key(struct slice in, uint16_t *key_no, struct slice *spki)
{
	if (in.len <= KEY_HEAD_BYTES || in.p[0] != 'K' || in.p[1] != 0)
		return false;
	*key_no = be16(in.p + 2);
	*spki = slice_from(in, KEY_HEAD_BYTES);
	return true;
}

/* Sixty-four spaces, the context string of one side, 0, hash. */
static bool
is_certificate_verify(struct slice tbs, bool is_client)
{
	static const char context[2][34] = {
		"TLS 1.3, server CertificateVerify",
		"TLS 1.3, client CertificateVerify",
	};
	const size_t hash_at = 64 + sizeof(context[0]); /* with its 0 */

	if (tbs.len != hash_at + 32 && tbs.len != hash_at + 48)
		return false;
	for (size_t i = 0; i < 64; i++)
		if (tbs.p[i] != ' ')
			return false;
	return memcmp(tbs.p + 64, context[is_client], sizeof(context[0])) == 0;
}

/* Elliptic groups and the length of a public point; 0: unknown group. */
static size_t
point_bytes(uint16_t group)
{
	static const struct {
		uint16_t group;
		uint16_t len_bytes;
	} groups[] = {
		{ 23, 65 },  /* secp256r1 */
		{ 24, 97 },  /* secp384r1 */
		{ 25, 133 }, /* secp521r1 */
		{ 29, 32 },  /* x25519 */
		{ 30, 56 },  /* x448 */
	};

	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		if (groups[i].group == group)
			return groups[i].len_bytes;
	return 0;
}

/* Two randoms, then curve_type, named curve, length, point. */
static bool
is_server_key_exchange(struct slice tbs)
{
	struct slice params = slice_from(tbs, RANDOMS_BYTES);
	uint16_t group;
	bool is_nist;

	if (params.len < 5 || params.p[0] != 3)
		return false;
	group = be16(params.p + 1);
	is_nist = group <= 25;
	return params.len == 4 + point_bytes(group) &&
	       (uint8_t)params.p[3] == params.len - 4 &&
	       (!is_nist || params.p[4] == 4); /* uncompressed */
}

/* MD5 and SHA-1: what TLS 1.0 and 1.1 sign with, and nobody else. */
static bool
is_old(enum sign_algorithm a)
{
	return a == SIGN_RSA_PKCS1_MD5_SHA1 || a == SIGN_ECDSA_SHA1;
}

/* RFC 8446 section 4.1.3: the last eight bytes of server_random. */
static bool
has_downgrade_mark(enum sign_algorithm a, struct slice tbs)
{
	const char *mark = is_old(a) ? "DOWNGRD\0" : "DOWNGRD\1";

	return memcmp(tbs.p + RANDOMS_BYTES - 8, mark, 8) == 0;
}

/* RFC 8446 section 4.2.3: no PKCS#1 v1.5, and nothing older, in TLS 1.3 */
static bool
is_for_13(enum sign_algorithm a)
{
	return a >= SIGN_RSA_PSS_SHA256 && a <= SIGN_ED448;
}

bool
protocol_is_tls_structure(enum sign_algorithm a, struct slice tbs)
{
	if (is_server_key_exchange(tbs))
		return has_downgrade_mark(a, tbs);
	return is_for_13(a) && is_certificate_verify(tbs, false);
}

/*
 * The messages of a TLS 1.2 handshake before a client's CertificateVerify
 * (RFC 5246 section 7.3), with CertificateStatus (RFC 6066 section 8): each
 * once, in this order, and nothing behind the last.
 */
static const struct message {
	uint8_t type;
	bool is_optional;
} client_messages[] = {
	{ 1, false },  /* ClientHello */
	{ 2, false },  /* ServerHello */
	{ 11, false }, /* Certificate */
	{ 22, true },  /* CertificateStatus */
	{ 12, true },  /* ServerKeyExchange */
	{ 13, false }, /* CertificateRequest */
	{ 14, false }, /* ServerHelloDone */
	{ 11, false }, /* Certificate, the client's */
	{ 16, false }, /* ClientKeyExchange */
};

/* Takes a message of this type off *rest: u8 type, u24 length, body. */
static bool
take_message(struct slice *rest, uint8_t type)
{
	size_t len;

	if (rest->len < 4 || (uint8_t)rest->p[0] != type)
		return false;
	len = be32(rest->p) & 0xffffff;
	if (len > rest->len - 4)
		return false;
	*rest = slice_from(*rest, 4 + len);
	return true;
}

static bool
is_client_transcript(struct slice tbs)
{
	struct slice rest = tbs;

	for (size_t i = 0; i < ARRAY_LEN(client_messages); i++)
		if (!take_message(&rest, client_messages[i].type) &&
		    !client_messages[i].is_optional)
			return false;
	return rest.len == 0;
}

bool
protocol_is_client_structure(enum sign_algorithm a, struct slice tbs)
{
	if (is_old(a) || is_server_key_exchange(tbs))
		return false;
	return is_client_transcript(tbs) ||
	       (is_for_13(a) && is_certificate_verify(tbs, true));
}

bool
protocol_find_point(struct slice tbs, struct tls_point *out)
{
	if (!is_server_key_exchange(tbs))
		return false;
	out->group = be16(tbs.p + RANDOMS_BYTES + 1);
	out->bytes = slice_from(tbs, RANDOMS_BYTES + 4);
	return true;
}
