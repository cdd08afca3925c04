/*
 * Why a handshake failed, sorted into the few classes that are counted.  The
 * log has the exact reason.  Pure.
 */
#ifndef TLSD_WORKER_HANDSHAKE_FAILURE_H
#define TLSD_WORKER_HANDSHAKE_FAILURE_H

#include <stdbool.h>

#include "tlsd/metrics_table.h"

/* error: what tls_io_error() says. */
enum tlsd_metric handshake_failure_class(const char *error, bool is_from_peer);

#endif
