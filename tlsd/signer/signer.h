/*
 * The signer process, from its inheritance to its end.
 */
#ifndef TLSD_SIGNER_SIGNER_H
#define TLSD_SIGNER_SIGNER_H

#include "common/child.h"
#include "common/sandbox.h"

/*
 * in->peer_fd are the ends of the channels to the workers, by worker.
 * Returns the exit status, once told to stop or, while draining, once the
 * last channel has closed.  A start that fails ends in child_fail().
 */
int signer_main(const struct inheritance *in);

/* What the signer may do once it is ready. */
extern const struct sandbox_rules signer_sandbox;

#endif
