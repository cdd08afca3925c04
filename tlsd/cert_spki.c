/*
 * The way through a certificate to its public key.  Runs in the signer, which
 * wants nothing else of it, and in the checker, so that both agree.
 *
 * OpenSSL 3.0 makes a key of what it finds as soon as it parses a
 * certificate, with a decoder put together for that: 1.5 million instructions.
 * This steps over what stands before (RFC 5280 section 4.1).
 */
#include "tlsd/cert_spki.h"

#include <limits.h>
#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/check.h"

/* What ASN1_get_object() answers beside V_ASN1_CONSTRUCTED. */
#define IS_INDEFINITE 0x01
#define IS_BAD 0x80

/*
 * Takes one element from the front of *rest.  *whole is all of it, *contents
 * what its length counts.  False: it is another, damaged, or not DER.
 */
static bool
take(struct slice *rest, int class, int tag, struct slice *whole,
    struct slice *contents)
{
	const unsigned char *p = (const unsigned char *)rest->p;
	size_t head;
	long len_bytes;
	int flags, has_tag, has_class;

	if (rest->len == 0 || rest->len > INT_MAX)
		return false;
	flags = ASN1_get_object(
	    &p, &len_bytes, &has_tag, &has_class, (long)rest->len);
	if ((flags & (IS_BAD | IS_INDEFINITE)) != 0 || has_tag != tag ||
	    has_class != class)
		return false;
	head = (size_t)((const char *)p - rest->p);
	*whole = slice_first(*rest, head + (size_t)len_bytes);
	*contents = slice_from(*whole, head);
	*rest = slice_from(*rest, whole->len);
	return true;
}

bool
cert_spki_find(struct slice der, struct slice *spki)
{
	static const int before[] = {
		V_ASN1_INTEGER,  /* serialNumber */
		V_ASN1_SEQUENCE, /* signature */
		V_ASN1_SEQUENCE, /* issuer */
		V_ASN1_SEQUENCE, /* validity */
		V_ASN1_SEQUENCE, /* subject */
	};
	struct slice whole, inner, tbs;

	if (!take(&der, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, &whole, &inner) ||
	    !take(&inner, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, &whole, &tbs))
		return false;
	/* version, which the oldest have not */
	(void)take(&tbs, V_ASN1_CONTEXT_SPECIFIC, 0, &whole, &inner);
	for (size_t i = 0; i < ARRAY_LEN(before); i++)
		if (!take(&tbs, V_ASN1_UNIVERSAL, before[i], &whole, &inner))
			return false;
	return take(&tbs, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, spki, &inner);
}

unsigned char *
cert_spki_read(struct slice pem, size_t *len_bytes)
{
	BIO *bio = BIO_new_mem_buf(pem.len > 0 ? pem.p : "", (int)pem.len);
	unsigned char *der = NULL, *copy = NULL;
	long der_bytes = 0;
	struct slice spki;

	CHECK(bio != NULL);
	if (PEM_bytes_read_bio(&der, &der_bytes, NULL, PEM_STRING_X509, bio,
		NULL, NULL) == 1 &&
	    cert_spki_find(
		(struct slice){ (const char *)der, (size_t)der_bytes },
		&spki)) {
		copy = OPENSSL_memdup(spki.p, spki.len);
		*len_bytes = spki.len;
	}
	OPENSSL_free(der);
	BIO_free(bio);
	ERR_clear_error();
	return copy;
}
