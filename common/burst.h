/*
 * How many bytes TCP should be given at a time.
 *
 * Without pacing (cubic, reno): the more the better, one system call and one
 * wake-up of the peer for all of it.  A congestion control that paces (bbr)
 * sends one segment, of up to 64 KiB, and starts a timer for the next: a bulk
 * transfer given in large pieces pays for a timer interrupt per 64 KiB.  Given
 * pieces that are a little smaller than such a segment, each has left before
 * the next one is there.  tests/bench/PROFILE.md has the figures.
 */
#ifndef COMMON_BURST_H
#define COMMON_BURST_H

#include <stddef.h>

/*
 * SIZE_MAX where it does not matter.  Asks the kernel what new connections
 * use: at start, before the sandbox.
 */
size_t burst_bytes(void);

#endif
