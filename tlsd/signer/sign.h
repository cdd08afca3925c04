/*
 * One request in, one reply out: the decision what is signed.  Runs in the
 * signer.  Does no I/O.
 */
#ifndef TLSD_SIGNER_SIGN_H
#define TLSD_SIGNER_SIGN_H

#include "common/slice.h"
#include "tlsd/signer/keyring.h"

/*
 * Writes the reply to request into out (PROTOCOL_MAX_MESSAGE bytes of room)
 * and returns its length.  SIGN_REFUSED: the request was not legal, *reason
 * (constant) says why, and its channel must be ended after the reply.
 */
enum sign_status sign_answer(const struct keyring *k, struct slice request,
    char *out, size_t *out_bytes, const char **reason);

#endif
