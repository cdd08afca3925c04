/*
 * The private keys.  Runs in the signer, the only process that has them; no
 * other file of the signer sees one either, but key_decoder.c while it reads.
 */
#ifndef TLSD_SIGNER_KEYRING_H
#define TLSD_SIGNER_KEYRING_H

#include "tlsd/config.h"
#include "tlsd/protocol.h"

struct keyring;

/*
 * Opens and reads every key file of the configuration, which may need root,
 * and compares each with the public key of its certificate.  NULL: *error
 * names the file and what is wrong; valid until the next call.
 */
struct keyring *
keyring_load(const struct tlsd_config *config, const char **error);
void keyring_free(struct keyring *k); /* wipes; takes NULL */
/* Whether the heap that the keys live in is kept out of swap. */
bool keyring_is_locked(const struct keyring *k);

unsigned keyring_count(const struct keyring *k);
/* SubjectPublicKeyInfo, DER; valid as long as the keyring. */
struct slice keyring_public(const struct keyring *k, unsigned key_no);
/* Whether it is the key of a pool, for TLS as a client and nothing else. */
bool keyring_is_client(const struct keyring *k, unsigned key_no);
/* Whether the key exists and is of the algorithm's kind. */
bool
keyring_fits(const struct keyring *k, unsigned key_no, enum sign_algorithm a);
/*
 * Signs tbs with a key that fits; returns the signature's length, 0 when
 * the library failed or room_bytes is short.
 */
size_t keyring_sign(const struct keyring *k, unsigned key_no,
    enum sign_algorithm a, struct slice tbs, char *out, size_t room_bytes);

#endif
