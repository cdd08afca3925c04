/*
 * The public key of a certificate, as bytes.  Needs OpenSSL; opens no file.
 */
#ifndef TLSD_CERT_SPKI_H
#define TLSD_CERT_SPKI_H

#include "common/slice.h"

/*
 * The SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) in a certificate,
 * pointing into it.  False: not a certificate in DER.
 */
bool cert_spki_find(struct slice der, struct slice *spki);

/*
 * A copy of the one in the first certificate of a PEM text; the caller frees
 * it with OPENSSL_free().  NULL: there is no certificate, or it is damaged.
 */
unsigned char *cert_spki_read(struct slice pem, size_t *len_bytes);

#endif
