/*
 * Which counter a failed handshake belongs to: the reason, and whose alert it
 * was.  Pure.
 */
#ifndef TLSD_WORKER_HANDSHAKE_FAILURE_H
#define TLSD_WORKER_HANDSHAKE_FAILURE_H

#include <stdbool.h>

#include "tlsd/metrics_table.h"

/* error: what tls_io_error() says. */
enum tlsd_metric handshake_failure_metric(const char *error, bool is_from_peer);

#endif
