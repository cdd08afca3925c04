/*
 * Keys out of DER and PEM, for many keys in a row.  Needs OpenSSL; opens no
 * file.  For the signer, and for "tlsd -t": both take the same files.
 */
#ifndef TLSD_KEY_DECODER_H
#define TLSD_KEY_DECODER_H

#include <openssl/evp.h>

#include "common/slice.h"
#include "tlsd/passphrase.h"

struct key_decoder;

struct key_decoder *key_decoder_new(void);
void key_decoder_free(struct key_decoder *d); /* takes NULL */

/*
 * The first private key in a PEM text, of whatever kind; the caller frees it
 * with EVP_PKEY_free().  NULL: there is none, it is damaged, or the
 * passphrase does not fit; phrase->was_asked says whether one was needed.
 * What is decoded on the way lies in OpenSSL's secure heap, where there is
 * one, and is wiped.
 */
EVP_PKEY *key_decoder_private(
    struct key_decoder *d, struct slice pem, struct passphrase *phrase);

/* From a SubjectPublicKeyInfo in DER; as above.  NULL: it is none. */
EVP_PKEY *key_decoder_public(struct key_decoder *d, struct slice spki);

#endif
