/*
 * Whether bytes are a point of their curve.  Runs in the signer.
 */
#ifndef TLSD_SIGNER_POINT_H
#define TLSD_SIGNER_POINT_H

#include <stdbool.h>

#include "tlsd/protocol.h"

/*
 * True also for X25519 and X448, where any bytes are one (RFC 7748 section
 * 5); they are too few to hold anything else.  False as well when memory is
 * short.
 */
bool point_is_on_curve(const struct tls_point *p);

#endif
