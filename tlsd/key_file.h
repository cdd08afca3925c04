/*
 * A private key's file as "tlsd -t" looks at it: rights, form, kind.  The
 * signer opens files in its own way, and decodes them in the same; nothing here
 * stays in memory.
 */
#ifndef TLSD_KEY_FILE_H
#define TLSD_KEY_FILE_H

#include <openssl/evp.h>

#include "tlsd/cert_file.h"
#include "tlsd/key_decoder.h"
#include "tlsd/passphrase.h"

#define KEY_FILE_MAX (64 * 1024) /* bytes; the signer reads no more either */

/*
 * The key in the file at path, fit to sign for TLS; the caller frees it with
 * EVP_PKEY_free().  NULL: error says what is wrong and how to mend it.  A
 * file that everybody can read is refused.  phrase may be empty.
 */
EVP_PKEY *key_file_read(struct key_decoder *decoder, const char *path,
    struct passphrase *phrase, char error[CERT_FILE_ERROR_MAX]);

#endif
