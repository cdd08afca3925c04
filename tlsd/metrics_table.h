/*
 * Everything that tlsd counts: one table for all its processes.  Each row of
 * the shared page has one number for each entry; the master adds them up.
 * Labels stay the same for good: people's dashboards depend on them.
 */
#ifndef TLSD_METRICS_TABLE_H
#define TLSD_METRICS_TABLE_H

#include "common/metrics.h"

enum tlsd_metric {
	/* connections */
	TLSD_ACCEPTED,
	TLSD_REFUSED,
	TLSD_ACTIVE,
	TLSD_PAUSED_LIMIT,
	TLSD_PAUSED_RESOURCES,

	/* handshakes done: version, full or resumed */
	TLSD_TLS12_FULL,
	TLSD_TLS12_RESUMED,
	TLSD_TLS13_FULL,
	TLSD_TLS13_RESUMED,

	/* handshakes failed: see handshake_failure.c */
	TLSD_FAILED_TIMEOUT,
	TLSD_FAILED_DISCONNECT,
	TLSD_FAILED_NOT_TLS,
	TLSD_FAILED_NAME,
	TLSD_FAILED_NO_COMMON,
	TLSD_FAILED_CLIENT_CERT,
	TLSD_FAILED_BY_CLIENT,
	TLSD_FAILED_SIGNER,
	TLSD_FAILED_OTHER,

	/* the signer, as the worker sees it */
	TLSD_SIGNATURES,
	TLSD_SIGNER_WAIT_US,

	/* rproxy */
	TLSD_BACKEND_CONNECTS,
	TLSD_BACKEND_FAILURES,
	TLSD_BACKEND_GIVEN_UP,
	TLSD_BACKEND_WAITING,

	/* ends and bytes */
	TLSD_TRUNCATED,
	TLSD_IDLE_TIMEOUTS,
	TLSD_BYTES_UP,
	TLSD_BYTES_DOWN,

	TLSD_METRIC_COUNT,
};

extern const struct metric_def tlsd_metrics[];
extern const unsigned tlsd_n_metrics;

#endif
