/*
 * Everything that tlsd counts: one table for all its processes.  Each row of
 * the shared page has one number for each entry; the master adds them up.
 * Labels stay the same for good: people's dashboards depend on them.
 */
#ifndef TLSD_METRICS_TABLE_H
#define TLSD_METRICS_TABLE_H

#include "common/metrics.h"
#include "tlsd/alerts.h"

enum tlsd_metric {
	/* connections */
	TLSD_ACCEPTED,
	TLSD_REFUSED_MEMORY,
	TLSD_REFUSED_ADDRESS,
	TLSD_REFUSED_BALANCER,
	TLSD_REFUSED_INTRO,
	TLSD_IN_INTRO, /* now, by state, in the order of enum client_state */
	TLSD_IN_HANDSHAKE,
	TLSD_IN_WAIT,
	TLSD_IN_ANNOUNCE,
	TLSD_IN_RELAY,
	TLSD_IN_DRAIN,
	TLSD_IN_CLOSING,
	TLSD_PAUSED_LIMIT,
	TLSD_PAUSED_HANDSHAKES,
	TLSD_PAUSED_RESOURCES,

	/* handshakes done: version, full or resumed */
	TLSD_TLS10_FULL,
	TLSD_TLS10_RESUMED,
	TLSD_TLS11_FULL,
	TLSD_TLS11_RESUMED,
	TLSD_TLS12_FULL,
	TLSD_TLS12_RESUMED,
	TLSD_TLS13_FULL,
	TLSD_TLS13_RESUMED,
	TLSD_CIPHER_AES128_GCM,
	TLSD_CIPHER_AES256_GCM,
	TLSD_CIPHER_CHACHA20,
	TLSD_CIPHER_OTHER,
	TLSD_CLIENT_CERT_NONE,
	TLSD_CLIENT_CERT_VERIFIED,
	TLSD_CLIENT_CERT_UNVERIFIED,
	TLSD_STAPLED,

	/* handshakes failed: see handshake_failure.c */
	TLSD_FAILED_TIMEOUT,
	TLSD_FAILED_DISCONNECT,
	TLSD_FAILED_NOT_TLS,
	TLSD_FAILED_CROWDED_OUT,
	TLSD_FAILED_SIGNER,
	TLSD_FAILED_OTHER,
#define X(number, NAME, text) TLSD_SENT_##NAME, TLSD_RECEIVED_##NAME,
	TLSD_ALERTS(X)
#undef X

	/* the signer, as the worker sees it */
	TLSD_SIGNATURES,
	TLSD_SIGNER_WAIT_US,
	TLSD_SIGNER_LOST,
	/* and as it sees itself */
	TLSD_SIGNED,
	TLSD_SIGN_REFUSED,
	TLSD_SIGN_FAILED,
	TLSD_SIGNER_BUSY_US,

	/* rproxy */
	TLSD_BACKEND_CONNECTS,
	TLSD_BACKEND_FAILURES,
	TLSD_BACKEND_GIVEN_UP,
	TLSD_BACKEND_CROSSED,
	TLSD_BACKEND_WAITING,

	/* ends and bytes */
	TLSD_TRUNCATED,
	TLSD_FLOODS,
	TLSD_IDLE_TIMEOUTS,
	TLSD_STAPLES_REJECTED,
	TLSD_BYTES_UP,
	TLSD_BYTES_DOWN,

	TLSD_METRIC_COUNT,
};

extern const struct metric_def tlsd_metrics[];
extern const unsigned tlsd_n_metrics;

#endif
