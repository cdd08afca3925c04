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
#define LABELLED_GAUGE(name_, labels_, help_)                                  \
	{                                                                      \
		.name = "tlsd_" name_, .labels = (labels_), .help = (help_),   \
		.kind = METRIC_GAUGE                                           \
	}
#define GAUGE(name, help) LABELLED_GAUGE(name, NULL, help)
#define STATE(state, help)                                                     \
	LABELLED_GAUGE("connections", "state=\"" state "\"", help)
#define DONE(version, resumed, help)                                           \
	COUNTER("handshakes_total",                                            \
	    "version=\"" version "\",resumed=\"" resumed "\"", help)
#define EGRESS(outcome, help)                                                  \
	COUNTER("egress_connects_total", "outcome=\"" outcome "\"", help)
/* by: whose decision it was, the client's or ours */
#define FAILED(reason, by, help)                                               \
	COUNTER("handshakes_failed_total",                                     \
	    "reason=\"" reason "\",by=\"" by "\"", help)

const struct metric_def tlsd_metrics[] = {
	[TLSD_ACCEPTED] =
	    COUNTER("connections_total", NULL, "Client connections accepted."),
	[TLSD_REFUSED_MEMORY] = COUNTER("connections_refused_total",
	    "reason=\"memory\"", "Client connections closed at once."),
	[TLSD_REFUSED_ADDRESS] = COUNTER("connections_refused_total",
	    "reason=\"max_connections_per_address\"", NULL),
	[TLSD_REFUSED_BALANCER] =
	    COUNTER("connections_refused_total", "reason=\"proxy_from\"", NULL),
	[TLSD_REFUSED_INTRO] = COUNTER(
	    "connections_refused_total", "reason=\"proxy_header\"", NULL),
	[TLSD_IN_INTRO] =
	    STATE("proxy_header", "Client connections open now, by state."),
	[TLSD_IN_HANDSHAKE] = STATE("handshake", NULL),
	[TLSD_IN_WAIT] = STATE("silent", NULL),
	[TLSD_IN_ANNOUNCE] = STATE("connecting", NULL),
	[TLSD_IN_RELAY] = STATE("relay", NULL),
	[TLSD_IN_DRAIN] = STATE("drain", NULL),
	[TLSD_IN_CLOSING] = STATE("closing", NULL),
	[TLSD_PAUSED_LIMIT] =
	    COUNTER("accept_pauses_total", "reason=\"max_connections\"",
		"Times a worker stopped accepting for a while."),
	[TLSD_PAUSED_HANDSHAKES] =
	    COUNTER("accept_pauses_total", "reason=\"max_handshakes\"", NULL),
	[TLSD_PAUSED_RESOURCES] =
	    COUNTER("accept_pauses_total", "reason=\"resources\"", NULL),

	[TLSD_TLS10_FULL] = DONE("TLSv1", "no", "Handshakes completed."),
	[TLSD_TLS10_RESUMED] = DONE("TLSv1", "yes", NULL),
	[TLSD_TLS11_FULL] = DONE("TLSv1.1", "no", NULL),
	[TLSD_TLS11_RESUMED] = DONE("TLSv1.1", "yes", NULL),
	[TLSD_TLS12_FULL] = DONE("TLSv1.2", "no", NULL),
	[TLSD_TLS12_RESUMED] = DONE("TLSv1.2", "yes", NULL),
	[TLSD_TLS13_FULL] = DONE("TLSv1.3", "no", NULL),
	[TLSD_TLS13_RESUMED] = DONE("TLSv1.3", "yes", NULL),
	[TLSD_CIPHER_AES128_GCM] = COUNTER("handshake_ciphers_total",
	    "cipher=\"aes128_gcm\"", "Handshakes completed, by cipher."),
	[TLSD_CIPHER_AES256_GCM] =
	    COUNTER("handshake_ciphers_total", "cipher=\"aes256_gcm\"", NULL),
	[TLSD_CIPHER_CHACHA20] = COUNTER(
	    "handshake_ciphers_total", "cipher=\"chacha20_poly1305\"", NULL),
	[TLSD_CIPHER_OTHER] =
	    COUNTER("handshake_ciphers_total", "cipher=\"other\"", NULL),
	[TLSD_CLIENT_CERT_NONE] =
	    COUNTER("client_certificates_total", "verdict=\"none\"",
		"Handshakes completed where a certificate was asked for."),
	[TLSD_CLIENT_CERT_VERIFIED] =
	    COUNTER("client_certificates_total", "verdict=\"verified\"", NULL),
	[TLSD_CLIENT_CERT_UNVERIFIED] = COUNTER(
	    "client_certificates_total", "verdict=\"unverified\"", NULL),
	[TLSD_STAPLED] = COUNTER("ocsp_staples_total", NULL,
	    "Handshakes completed with an OCSP staple."),

	[TLSD_FAILED_TIMEOUT] = FAILED("timeout", "client",
	    "Handshakes that did not complete, and who ended them."),
	[TLSD_FAILED_DISCONNECT] = FAILED("disconnect", "client", NULL),
	[TLSD_FAILED_NOT_TLS] = FAILED("http_request", "server", NULL),
	[TLSD_FAILED_CROWDED_OUT] = FAILED("crowded_out", "server", NULL),
	[TLSD_FAILED_SIGNER] = FAILED("signer_failed", "server", NULL),
	[TLSD_FAILED_OTHER] = FAILED("protocol_error", "server", NULL),
#define X(number, NAME, text)                                                  \
	[TLSD_SENT_##NAME] = FAILED(text, "server", NULL),                     \
	[TLSD_RECEIVED_##NAME] = FAILED(text, "client", NULL),
	TLSD_ALERTS(X)
#undef X

	    [TLSD_SIGNATURES] = COUNTER("signatures_total", NULL,
		"Replies of the signer that handshakes waited for."),
	[TLSD_SIGNER_WAIT_US] = COUNTER("signer_wait_microseconds_total", NULL,
	    "Time that handshakes waited for the signer."),
	[TLSD_SIGNER_LOST] = COUNTER("signer_channel_losses_total", NULL,
	    "Times a worker lost its channel to the signer."),
	[TLSD_SIGNED] = COUNTER("signer_requests_total", "result=\"signed\"",
	    "Requests for a signature as the signer counts them."),
	[TLSD_SIGN_REFUSED] =
	    COUNTER("signer_requests_total", "result=\"refused\"", NULL),
	[TLSD_SIGN_FAILED] =
	    COUNTER("signer_requests_total", "result=\"failed\"", NULL),
	[TLSD_SIGNER_BUSY_US] = COUNTER("signer_busy_microseconds_total", NULL,
	    "Time that the signer computed signatures."),

	[TLSD_BACKEND_CONNECTS] = COUNTER(
	    "backend_connections_total", NULL, "Connections opened to rproxy."),
	[TLSD_BACKEND_FAILURES] = COUNTER("backend_connect_failures_total",
	    NULL, "Attempts to reach rproxy that failed."),
	[TLSD_BACKEND_GIVEN_UP] = COUNTER("backend_wait_exceeded_total", NULL,
	    "Clients closed since rproxy stayed away for backend_wait."),
	[TLSD_BACKEND_CROSSED] = COUNTER("backend_crossed_total", NULL,
	    "Requests that crossed the end of an idle connection, and were "
	    "sent on another one."),
	[TLSD_BACKEND_WAITING] = GAUGE(
	    "backend_waiting", "Clients that wait for rproxy to come back."),

	[TLSD_EGRESS_OPEN] = GAUGE("egress_connections",
	    "Connections of rproxy for https servers, open now."),
	[TLSD_EGRESS_CONNECTED] = EGRESS("connected",
	    "Connections to https servers that rproxy asked for, by outcome."),
	[TLSD_EGRESS_UNKNOWN] = EGRESS("unknown_target", NULL),
	[TLSD_EGRESS_REFUSED] = EGRESS("refused", NULL),
	[TLSD_EGRESS_CONNECT_FAILED] = EGRESS("connect_failed", NULL),
	[TLSD_EGRESS_TIMEOUT] = EGRESS("timeout", NULL),
	[TLSD_EGRESS_CERTIFICATE] = EGRESS("certificate", NULL),
	[TLSD_EGRESS_HANDSHAKE] = EGRESS("handshake", NULL),
	[TLSD_EGRESS_SHORT] = EGRESS("short", NULL),
	[TLSD_EGRESS_ABANDONED] = EGRESS("abandoned", NULL),
	[TLSD_EGRESS_RESUMED] = COUNTER("egress_resumed_total", NULL,
	    "Connections to https servers with a resumed session."),
	[TLSD_EGRESS_FOREIGN] = COUNTER("egress_refused_peers_total", NULL,
	    "Processes that may not connect to the egress socket."),
	[TLSD_EGRESS_TRUNCATED] = COUNTER("egress_truncated_total", NULL,
	    "Https servers that went without close_notify."),
	[TLSD_EGRESS_BROKEN] = COUNTER("egress_broken_total", NULL,
	    "Connections to https servers that failed after the handshake."),
	[TLSD_EGRESS_BYTES_UP] =
	    COUNTER("egress_bytes_total", "direction=\"up\"",
		"Plaintext bytes to https servers (up) and from them (down)."),
	[TLSD_EGRESS_BYTES_DOWN] =
	    COUNTER("egress_bytes_total", "direction=\"down\"", NULL),

	[TLSD_TRUNCATED] = COUNTER("connections_truncated_total", NULL,
	    "Clients that went without close_notify."),
	[TLSD_FLOODS] = COUNTER("message_floods_total", NULL,
	    "Clients cut for key updates or renegotiation without end."),
	[TLSD_IDLE_TIMEOUTS] = COUNTER("idle_timeouts_total", NULL,
	    "Connections closed since nothing moved for idle_timeout."),
	[TLSD_STAPLES_REJECTED] = COUNTER("ocsp_staples_rejected_total", NULL,
	    "OCSP staples found that are not served."),
	[TLSD_BYTES_UP] = COUNTER("bytes_total", "direction=\"up\"",
	    "Plaintext bytes from clients (up) and to clients (down)."),
	[TLSD_BYTES_DOWN] = COUNTER("bytes_total", "direction=\"down\"", NULL),
};

const unsigned tlsd_n_metrics = TLSD_METRIC_COUNT;

_Static_assert(
    ARRAY_LEN(tlsd_metrics) == TLSD_METRIC_COUNT, "a metric has no name");
