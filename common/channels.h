/*
 * The channels between the very first child of a generation (tlsd's signer)
 * and the others: a SOCK_SEQPACKET pair for each of them.  Runs in the
 * master.
 *
 * A pair is made when either end is started; the end of a child that is not
 * running waits in its place (channel_fd).  So whoever dies, the one that
 * lives on gets a fresh end (CHILD_PEER), and what was under way on the old
 * one fails there and then.
 */
#ifndef COMMON_CHANNELS_H
#define COMMON_CHANNELS_H

#include "common/process.h"

/*
 * p, one of the n places at all, is about to start: puts its ends into the
 * inheritance and tells the other side.  False and errno: none is given that
 * is not in the inheritance.
 */
bool channels_give(
    struct process *all, unsigned n, struct process *p, struct inheritance *in);
/* p and the first child, both running, get a new one between them. */
void channels_renew(struct process *all, struct process *p);
/* The master's copies of what the inheritance carries. */
void channels_close(struct inheritance *in);

#endif
