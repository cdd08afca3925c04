/*
 * The signer's work: channels to workers, one poll() loop.
 */
#ifndef TLSD_SIGNER_SERVE_H
#define TLSD_SIGNER_SERVE_H

#include "common/metrics.h"
#include "tlsd/signer/keyring.h"

/*
 * Greets each channel (public keys) and answers its requests.
 * Takes over the descriptors.  Orders of the master come by child_next().
 * Returns on CHILD_STOP, or when all channels have closed after CHILD_DRAIN.
 */
void serve(const struct keyring *k, struct metrics *m, const int *channel_fd,
    unsigned n_channels);

#endif
