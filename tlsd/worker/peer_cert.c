/*
 * A client's certificate as text.  Pure; used by the worker once per full
 * handshake with a client certificate.
 *
 * Names are written in RFC 2253 form with the characters left as they are
 * (UTF-8) instead of as hex: people match on them.  Control characters are
 * escaped all the same.
 *
 * A packed chain is one byte 'C', then for each certificate u16 length, DER.
 */
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "common/bytes.h"
#include "common/number.h"
#include "tlsd/worker/peer_cert.h"

static bool
keep(struct slice *out, struct arena *a, const void *p, size_t len_bytes)
{
	*out = arena_copy(a, (struct slice){ p, len_bytes });
	return out->p != NULL;
}

static bool
read_der(struct slice *out, X509 *cert, struct arena *a)
{
	unsigned char *der = NULL;
	int len_bytes = i2d_X509(cert, &der);
	bool ok = len_bytes > 0 && keep(out, a, der, (size_t)len_bytes);

	OPENSSL_free(der);
	return ok;
}

static bool
read_name(struct slice *out, const X509_NAME *name, struct arena *a)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len_bytes;
	bool ok = false;

	if (bio != NULL && X509_NAME_print_ex(bio, name, 0,
			       XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		len_bytes = BIO_get_mem_data(bio, &text);
		ok = len_bytes == 0 || keep(out, a, text, (size_t)len_bytes);
	}
	BIO_free(bio);
	return ok;
}

/* The last one is the most specific (RFC 6125 section 6.4.4 says so too). */
static bool
read_cn(struct slice *out, const X509_NAME *name, struct arena *a)
{
	int last = -1, i = -1, len_bytes;
	unsigned char *text = NULL;
	bool ok;

	while ((i = X509_NAME_get_index_by_NID(name, NID_commonName, i)) >= 0)
		last = i;
	if (last < 0)
		return true;
	len_bytes = ASN1_STRING_to_UTF8(
	    &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
	if (len_bytes < 0)
		return true; /* not text: as good as none */
	ok = len_bytes == 0 || keep(out, a, text, (size_t)len_bytes);
	OPENSSL_free(text);
	return ok;
}

static bool
read_serial(struct slice *out, const X509 *cert, struct arena *a)
{
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *hex = bn != NULL ? BN_bn2hex(bn) : NULL;
	bool ok = hex != NULL && keep(out, a, hex, strlen(hex));

	OPENSSL_free(hex);
	BN_free(bn);
	return ok;
}

static bool
read_fingerprint(struct slice *out, const X509 *cert, struct arena *a)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len_bytes;
	char *hex;

	if (X509_digest(cert, EVP_sha256(), digest, &len_bytes) != 1)
		return false;
	hex = arena_alloc(a, 2 * (size_t)len_bytes);
	if (hex == NULL)
		return false;
	number_format_hex(hex, digest, len_bytes);
	*out = (struct slice){ hex, 2 * (size_t)len_bytes };
	return true;
}

static bool
read_time(struct slice *out, const ASN1_TIME *t, struct arena *a)
{
	char text[40];
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	return keep(out, a, text,
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm));
}

bool
peer_cert_read(struct peer_cert *out, X509 *leaf, struct arena *a)
{
	const X509_NAME *subject = X509_get_subject_name(leaf);

	memset(out, 0, sizeof(*out));
	return read_der(&out->der, leaf, a) && read_cn(&out->cn, subject, a) &&
	       read_name(&out->subject, subject, a) &&
	       read_name(&out->issuer, X509_get_issuer_name(leaf), a) &&
	       read_serial(&out->serial, leaf, a) &&
	       read_fingerprint(&out->fingerprint, leaf, a) &&
	       read_time(&out->not_before, X509_get0_notBefore(leaf), a) &&
	       read_time(&out->not_after, X509_get0_notAfter(leaf), a);
}

/* chains ------------------------------------------------------------------ */

/* Bytes written; 0: no room. */
static size_t
pack_one(X509 *cert, char *out, size_t room_bytes)
{
	int len_bytes = i2d_X509(cert, NULL);
	unsigned char *p = (unsigned char *)out + 2;

	if (len_bytes <= 0 || len_bytes > UINT16_MAX ||
	    (size_t)len_bytes + 2 > room_bytes)
		return 0;
	put_be16(out, (uint16_t)len_bytes);
	i2d_X509(cert, &p);
	return (size_t)len_bytes + 2;
}

size_t
peer_cert_pack_chain(
    const STACK_OF(X509) * verified, char *out, size_t room_bytes)
{
	size_t used = 1, n;

	if (room_bytes == 0)
		return 0;
	out[0] = 'C';
	for (int i = 1; i < sk_X509_num(verified); i++) {
		X509 *cert = sk_X509_value(verified, i);

		if (X509_get_extension_flags(cert) & EXFLAG_SS)
			break;
		n = pack_one(cert, out + used, room_bytes - used);
		if (n == 0)
			return 0;
		used += n;
	}
	return used;
}

bool
peer_cert_unpack_chain(
    struct slice packed, struct slice *chain, unsigned max, unsigned *n)
{
	struct slice rest = slice_from(packed, 1);

	*n = 0;
	if (packed.len == 0 || packed.p[0] != 'C')
		return false;
	while (rest.len > 0) {
		size_t len_bytes = rest.len >= 2 ? be16(rest.p) : 0;

		if (len_bytes == 0 || len_bytes > rest.len - 2)
			return false;
		if (*n < max)
			chain[(*n)++] = (struct slice){ rest.p + 2, len_bytes };
		rest = slice_from(rest, 2 + len_bytes);
	}
	return true;
}
