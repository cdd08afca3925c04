/*
 * The names under which tlsd's counters appear at /metrics.  Linked into
 * every process of tlsd: the master prints the table, the others count.
 */
#include "common/check.h"
#include "tlsd/metrics_table.h"

#define COUNTER(name_, labels_, help_)                                         \
	{                                                                      \
		.name = "tlsd_" name_, .labels = (labels_), .help = (help_),   \
		.kind = METRIC_COUNTER                                         \
	}
#define GAUGE(name_, help_)                                                    \
	{                                                                      \
		.name = "tlsd_" name_, .help = (help_), .kind = METRIC_GAUGE   \
	}

const struct metric_def tlsd_metrics[] = {
	[TLSD_ACCEPTED] =
	    COUNTER("connections_total", NULL, "Client connections accepted."),
	[TLSD_REFUSED] = COUNTER("connections_refused_total", NULL,
	    "Client connections closed at once for want of memory."),
	[TLSD_ACTIVE] = GAUGE("connections", "Client connections open now."),
	[TLSD_PAUSED_LIMIT] =
	    COUNTER("accept_pauses_total", "reason=\"max_connections\"",
		"Times a worker stopped accepting for a while."),
	[TLSD_PAUSED_RESOURCES] =
	    COUNTER("accept_pauses_total", "reason=\"resources\"", NULL),

	[TLSD_TLS12_FULL] = COUNTER("handshakes_total",
	    "version=\"TLSv1.2\",resumed=\"no\"", "Handshakes completed."),
	[TLSD_TLS12_RESUMED] = COUNTER(
	    "handshakes_total", "version=\"TLSv1.2\",resumed=\"yes\"", NULL),
	[TLSD_TLS13_FULL] = COUNTER(
	    "handshakes_total", "version=\"TLSv1.3\",resumed=\"no\"", NULL),
	[TLSD_TLS13_RESUMED] = COUNTER(
	    "handshakes_total", "version=\"TLSv1.3\",resumed=\"yes\"", NULL),

	[TLSD_FAILED_TIMEOUT] = COUNTER("handshakes_failed_total",
	    "reason=\"timeout\"", "Handshakes that did not complete."),
	[TLSD_FAILED_DISCONNECT] =
	    COUNTER("handshakes_failed_total", "reason=\"disconnect\"", NULL),
	[TLSD_FAILED_NOT_TLS] =
	    COUNTER("handshakes_failed_total", "reason=\"not_tls\"", NULL),
	[TLSD_FAILED_NAME] =
	    COUNTER("handshakes_failed_total", "reason=\"unknown_name\"", NULL),
	[TLSD_FAILED_NO_COMMON] = COUNTER(
	    "handshakes_failed_total", "reason=\"nothing_in_common\"", NULL),
	[TLSD_FAILED_CLIENT_CERT] = COUNTER(
	    "handshakes_failed_total", "reason=\"client_certificate\"", NULL),
	[TLSD_FAILED_BY_CLIENT] = COUNTER(
	    "handshakes_failed_total", "reason=\"alert_from_client\"", NULL),
	[TLSD_FAILED_SIGNER] =
	    COUNTER("handshakes_failed_total", "reason=\"signer\"", NULL),
	[TLSD_FAILED_OTHER] =
	    COUNTER("handshakes_failed_total", "reason=\"other\"", NULL),

	[TLSD_SIGNATURES] = COUNTER("signatures_total", NULL,
	    "Replies of the signer that handshakes waited for."),
	[TLSD_SIGNER_WAIT_US] = COUNTER("signer_wait_microseconds_total", NULL,
	    "Time that handshakes waited for the signer."),

	[TLSD_BACKEND_CONNECTS] = COUNTER(
	    "backend_connections_total", NULL, "Connections opened to rproxy."),
	[TLSD_BACKEND_FAILURES] = COUNTER("backend_connect_failures_total",
	    NULL, "Attempts to reach rproxy that failed."),
	[TLSD_BACKEND_GIVEN_UP] = COUNTER("backend_wait_exceeded_total", NULL,
	    "Clients closed since rproxy stayed away for backend_wait."),
	[TLSD_BACKEND_WAITING] = GAUGE(
	    "backend_waiting", "Clients that wait for rproxy to come back."),

	[TLSD_TRUNCATED] = COUNTER("connections_truncated_total", NULL,
	    "Clients that went without close_notify."),
	[TLSD_IDLE_TIMEOUTS] = COUNTER("idle_timeouts_total", NULL,
	    "Connections closed since nothing moved for idle_timeout."),
	[TLSD_BYTES_UP] = COUNTER("bytes_total", "direction=\"up\"",
	    "Plaintext bytes from clients (up) and to clients (down)."),
	[TLSD_BYTES_DOWN] = COUNTER("bytes_total", "direction=\"down\"", NULL),
};

const unsigned tlsd_n_metrics = TLSD_METRIC_COUNT;

_Static_assert(
    ARRAY_LEN(tlsd_metrics) == TLSD_METRIC_COUNT, "a metric has no name");
