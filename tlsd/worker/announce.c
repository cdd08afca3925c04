/*
 * What is said to rproxy about a client.  Runs in the worker, once per
 * connection.  Pure apart from asking the SSL object.
 *
 * A client certificate on this connection sets both CERT_CONN and CERT_SESS;
 * one that a resumed session brought sets CERT_SESS alone.  Without one the
 * verify field is 1, never 0: to some receivers 0 alone means "verified".
 */
#include <openssl/err.h>
#include <string.h>

#include "common/arena.h"
#include "common/check.h"
#include "common/number.h"
#include "common/proxy_v2.h"
#include "tlsd/worker/announce.h"
#include "tlsd/worker/peer_cert.h"
#include "tlsd/worker/tickets.h"

#define FACTS_MAX (128 * 1024) /* of one client, while they are gathered */
#define CHAIN_MAX (48 * 1024)
#define NO_CERTIFICATE 1

/*
 * RFC 8446 section 4.2.3, by OpenSSL's two numbers.  Not said for keys of the
 * kind RSA-PSS, whose numbers are the same as those of plain RSA keys.
 */
static struct slice
signature_scheme(const SSL *ssl)
{
	static const struct {
		int kind;
		int digest;
		struct slice name;
	} schemes[] = {
		{ NID_rsaEncryption, NID_sha256, SLICE("rsa_pkcs1_sha256") },
		{ NID_rsaEncryption, NID_sha384, SLICE("rsa_pkcs1_sha384") },
		{ NID_rsaEncryption, NID_sha512, SLICE("rsa_pkcs1_sha512") },
		{ NID_rsassaPss, NID_sha256, SLICE("rsa_pss_rsae_sha256") },
		{ NID_rsassaPss, NID_sha384, SLICE("rsa_pss_rsae_sha384") },
		{ NID_rsassaPss, NID_sha512, SLICE("rsa_pss_rsae_sha512") },
		{ NID_X9_62_id_ecPublicKey, NID_sha256,
		    SLICE("ecdsa_secp256r1_sha256") },
		{ NID_X9_62_id_ecPublicKey, NID_sha384,
		    SLICE("ecdsa_secp384r1_sha384") },
		{ NID_X9_62_id_ecPublicKey, NID_sha512,
		    SLICE("ecdsa_secp521r1_sha512") },
		{ NID_ED25519, NID_undef, SLICE("ed25519") },
		{ NID_ED448, NID_undef, SLICE("ed448") },
	};
	const X509 *own = SSL_get_certificate(ssl);
	int kind = NID_undef, digest = NID_undef;

	/* both take a plain pointer and change nothing */
	if (SSL_session_reused(ssl) || own == NULL ||
	    EVP_PKEY_is_a(X509_get0_pubkey(own), "RSA-PSS") ||
	    SSL_get_signature_type_nid(ssl, &kind) != 1)
		return SLICE_NONE;
	if (SSL_get_signature_nid((SSL *)ssl, &digest) != 1)
		digest = NID_undef;
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (schemes[i].kind == kind && schemes[i].digest == digest)
			return schemes[i].name;
	return SLICE_NONE;
}

/* "RSA2048", "EC256", "ED25519" */
static struct slice
key_algorithm(const X509 *cert, struct arena *a)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);

	if (key == NULL)
		return SLICE_NONE;
	if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448"))
		return slice_of(EVP_PKEY_get0_type_name(key));
	return arena_printf(
	    a, "%s%d", EVP_PKEY_get0_type_name(key), EVP_PKEY_get_bits(key));
}

static void
tell_session(struct proxy_v2 *pp, const SSL *ssl, struct arena *a)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
	const unsigned char *alpn = NULL, *id;
	const X509 *own = SSL_get_certificate(ssl);
	unsigned alpn_bytes = 0, id_bytes = 0;
	char *hex;

	SSL_get0_alpn_selected(ssl, &alpn, &alpn_bytes);
	pp->alpn = (struct slice){ (const char *)alpn, alpn_bytes };
	pp->authority =
	    slice_of(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
	pp->version = slice_of(SSL_get_version(ssl));
	pp->cipher = slice_of(SSL_CIPHER_get_name(cipher));
	pp->cipher_bits = (uint16_t)SSL_CIPHER_get_bits(cipher, NULL);
	pp->group = slice_of(SSL_group_to_name(
	    (SSL *)ssl, (int)SSL_get_negotiated_group((SSL *)ssl)));
	pp->sig_scheme = signature_scheme(ssl);
	if (own != NULL) {
		pp->sig_alg = slice_of(OBJ_nid2sn(X509_get_signature_nid(own)));
		pp->key_alg = key_algorithm(own, a);
	}
	id = SSL_SESSION_get_id(SSL_get_session(ssl), &id_bytes);
	hex = id_bytes > 0 ? arena_alloc(a, 2 * (size_t)id_bytes) : NULL;
	if (hex != NULL) {
		number_format_hex(hex, id, id_bytes);
		pp->session_id = (struct slice){ hex, 2 * (size_t)id_bytes };
	}
}

/* The verified chain, from the handshake or from the ticket. */
static bool
tell_chain(struct proxy_v2 *pp, const SSL *ssl, struct arena *a)
{
	const STACK_OF(X509) *verified = SSL_get0_verified_chain(ssl);
	struct slice packed = SLICE_NONE;

	if (SSL_session_reused(ssl)) {
		packed = tickets_chain(ssl);
	} else if (verified != NULL) {
		char *room = arena_alloc(a, CHAIN_MAX);

		if (room == NULL)
			return false;
		packed.len = peer_cert_pack_chain(verified, room, CHAIN_MAX);
		packed.p = room;
	}
	if (packed.len == 0)
		return true;
	peer_cert_unpack_chain(
	    packed, pp->chain, PROXY_V2_CHAIN_MAX, &pp->n_chain);
	return true;
}

static bool
tell_certificate(struct proxy_v2 *pp, const SSL *ssl, struct arena *a)
{
	X509 *leaf = SSL_get0_peer_certificate(ssl);
	struct peer_cert cert;

	pp->verify = NO_CERTIFICATE;
	if (leaf == NULL)
		return true;
	if (!peer_cert_read(&cert, leaf, a))
		return false;
	pp->client |= PROXY_V2_CLIENT_CERT_SESS;
	if (!SSL_session_reused(ssl))
		pp->client |= PROXY_V2_CLIENT_CERT_CONN;
	pp->verify = (uint32_t)SSL_get_verify_result(ssl);
	pp->verify_text =
	    slice_of(X509_verify_cert_error_string((long)pp->verify));
	pp->cert = cert.der;
	pp->cn = cert.cn;
	pp->subject = cert.subject;
	pp->issuer = cert.issuer;
	pp->serial = cert.serial;
	pp->fingerprint = cert.fingerprint;
	pp->not_before = cert.not_before;
	pp->not_after = cert.not_after;
	return tell_chain(pp, ssl, a);
}

static bool
append(struct buf *out, const struct proxy_v2 *pp)
{
	char wire[PROXY_V2_MAX];
	size_t len_bytes = proxy_v2_encode(pp, wire, sizeof(wire));

	return len_bytes > 0 &&
	       buf_append(out, wire, len_bytes, buf_len(out) + len_bytes);
}

bool
announce_append(
    struct buf *out, const SSL *ssl, const struct announce_from *from)
{
	struct proxy_v2 pp = {
		.command = PROXY_V2_PROXY,
		.src = *from->src,
		.dst = *from->dst,
		.unique_id = from->unique_id,
		.has_ssl = true,
		.client = PROXY_V2_CLIENT_SSL,
		.listener = from->listener,
		.generation = from->generation,
		.draining = from->is_draining,
	};
	struct arena a;
	bool ok;

	arena_init(&a, FACTS_MAX);
	tell_session(&pp, ssl, &a);
	ok = tell_certificate(&pp, ssl, &a) && append(out, &pp);
	arena_fini(&a);
	ERR_clear_error();
	return ok;
}
