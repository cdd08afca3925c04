/*
 * How handshakes ended: counted by version, cipher, verdict on the client or
 * reason of failure, and a line in the log for each that failed (so many in
 * a second).  Runs in the worker.
 */
#ifndef TLSD_WORKER_HANDSHAKE_REPORT_H
#define TLSD_WORKER_HANDSHAKE_REPORT_H

#include "common/addr.h"
#include "common/log_limit.h"
#include "tlsd/metrics_table.h"
#include "tlsd/worker/tls_io.h"

struct handshake_report {
	struct metrics *metrics; /* borrowed from the worker */
	struct log_limit lines;
};

void handshake_report_init(
    struct handshake_report *r, struct metrics *m, struct deadlines *wheel);
void handshake_report_fini(struct handshake_report *r);

void handshake_report_done(struct handshake_report *r, const struct tls_io *t);
/* TLS_FAILED: what tls_io_error() says. */
void handshake_report_failed(struct handshake_report *r, const struct tls_io *t,
    const struct addr *peer);
/* It ended without OpenSSL: class is TLSD_FAILED_*, reason constant. */
void
handshake_report_given_up(struct handshake_report *r, const struct tls_io *t,
    const struct addr *peer, enum tlsd_metric class, const char *reason);
/* It never began: class is TLSD_REFUSED_*, reason constant. */
void handshake_report_refused(struct handshake_report *r,
    const struct addr *peer, enum tlsd_metric class, const char *reason);

#endif
