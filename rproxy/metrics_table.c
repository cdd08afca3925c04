/*
 * The table behind /metrics.  Data only; in master and workers.
 */
#include <stddef.h>

#include "rproxy/metrics_table.h"

#define COUNTER(n, l, h)                                                       \
	{                                                                      \
		n, l, h, METRIC_COUNTER                                        \
	}
#define GAUGE(n, h)                                                            \
	{                                                                      \
		n, NULL, h, METRIC_GAUGE                                       \
	}
#define FAILURE(r, name)                                                       \
	[M_FAILURES + r] = { "rproxy_failures_total", "reason=\"" name "\"",   \
		NULL, METRIC_COUNTER }

const struct metric_def rproxy_metrics[] = {
	[M_CONNECTIONS_PLAIN] = COUNTER("rproxy_connections_total",
	    "listener=\"plain\"", "Client connections accepted."),
	[M_CONNECTIONS_ANNOUNCED] =
	    COUNTER("rproxy_connections_total", "listener=\"announced\"", NULL),
	[M_CONNECTIONS_OPEN] =
	    GAUGE("rproxy_connections", "Client connections open."),
	[M_REFUSED_PEER] =
	    COUNTER("rproxy_connections_refused_total", "reason=\"peer\"",
		"Connections closed before their first request."),
	[M_REFUSED_HEADER] = COUNTER("rproxy_connections_refused_total",
	    "reason=\"proxy_header\"", NULL),
	[M_REFUSED_FULL] = COUNTER(
	    "rproxy_connections_refused_total", "reason=\"full\"", NULL),
	[M_REFUSED_MEMORY] = COUNTER(
	    "rproxy_connections_refused_total", "reason=\"memory\"", NULL),
	[M_REQUESTS_1XX] = COUNTER("rproxy_requests_total", "code=\"1xx\"",
	    "Requests by the class of the status sent."),
	[M_REQUESTS_2XX] =
	    COUNTER("rproxy_requests_total", "code=\"2xx\"", NULL),
	[M_REQUESTS_3XX] =
	    COUNTER("rproxy_requests_total", "code=\"3xx\"", NULL),
	[M_REQUESTS_4XX] =
	    COUNTER("rproxy_requests_total", "code=\"4xx\"", NULL),
	[M_REQUESTS_5XX] =
	    COUNTER("rproxy_requests_total", "code=\"5xx\"", NULL),
	[M_EXCHANGES_OPEN] = GAUGE(
	    "rproxy_exchanges", "Requests under way, tunnels among them."),
	[M_TUNNELS_OPEN] =
	    GAUGE("rproxy_tunnels", "Connections in another protocol, open."),
	[M_CLIENT_BYTES_IN] = COUNTER("rproxy_client_received_bytes_total",
	    NULL, "Bytes read from clients."),
	[M_CLIENT_BYTES_OUT] = COUNTER("rproxy_client_sent_bytes_total", NULL,
	    "Bytes written to clients."),
	[M_SERVER_CONNECTS] = COUNTER("rproxy_server_connects_total", NULL,
	    "Connections to servers begun."),
	[M_SERVER_CONNECT_FAILURES] =
	    COUNTER("rproxy_server_connect_failures_total", NULL,
		"Connections to servers that did not come about."),
	[M_SERVER_REUSES] = COUNTER("rproxy_server_reuses_total", NULL,
	    "Requests sent on an idle server connection."),
	[M_SERVER_OPEN] =
	    GAUGE("rproxy_server_connections", "Server connections open."),
	[M_SERVER_IDLE] = GAUGE("rproxy_server_connections_idle",
	    "Server connections waiting for a request."),
	[M_EGRESS_WAITING] = GAUGE("rproxy_egress_waiting",
	    "Connections to https servers that wait for tlsd to listen."),
	[M_REUSE_RACE] = COUNTER("rproxy_reuse_race_total", NULL,
	    "Requests that met a server connection just closed."),
	[M_REUSE_RACE_RETRIED] = COUNTER("rproxy_reuse_race_retried_total",
	    NULL, "Of those, sent again on a fresh connection."),
	[M_FAILURES] = COUNTER("rproxy_failures_total", "reason=\"ok\"",
	    "Requests and connections that did not go well, by reason."),
	FAILURE(REASON_BAD_REQUEST_LINE, "bad_request_line"),
	FAILURE(REASON_BAD_VERSION, "bad_version"),
	FAILURE(REASON_BAD_LINE_END, "bad_line_end"),
	FAILURE(REASON_BAD_FIELD_NAME, "bad_field_name"),
	FAILURE(REASON_BAD_FIELD_VALUE, "bad_field_value"),
	FAILURE(REASON_FOLDED_FIELD, "folded_field"),
	FAILURE(REASON_BAD_LENGTH, "bad_length"),
	FAILURE(REASON_BOTH_LENGTHS, "both_lengths"),
	FAILURE(REASON_BAD_CODING, "bad_coding"),
	FAILURE(REASON_UNKNOWN_CODING, "unknown_coding"),
	FAILURE(REASON_CODING_IN_1_0, "coding_in_1_0"),
	FAILURE(REASON_BAD_CHUNK, "bad_chunk"),
	FAILURE(REASON_BAD_HOST, "bad_host"),
	FAILURE(REASON_BAD_TARGET, "bad_target"),
	FAILURE(REASON_AMBIGUOUS_PATH, "ambiguous_path"),
	FAILURE(REASON_BAD_CONNECTION, "bad_connection"),
	FAILURE(REASON_URI_TOO_LONG, "uri_too_long"),
	FAILURE(REASON_HEADERS_TOO_LARGE, "headers_too_large"),
	FAILURE(REASON_BODY_TOO_LARGE, "body_too_large"),
	FAILURE(REASON_LENGTH_REQUIRED, "length_required"),
	FAILURE(REASON_METHOD_REFUSED, "method_refused"),
	FAILURE(REASON_EXPECTATION, "expectation"),
	FAILURE(REASON_BAD_MAX_FORWARDS, "bad_max_forwards"),
	FAILURE(REASON_UPGRADE_REFUSED, "upgrade_refused"),
	FAILURE(REASON_NO_SITE, "no_site"),
	FAILURE(REASON_WRONG_SITE, "wrong_site"),
	FAILURE(REASON_NO_ROUTE, "no_route"),
	FAILURE(REASON_TLS_REQUIRED, "tls_required"),
	FAILURE(REASON_CERT_REQUIRED, "cert_required"),
	FAILURE(REASON_DENIED, "denied"),
	FAILURE(REASON_BAD_DESTINATION, "bad_destination"),
	FAILURE(REASON_HEADER_TIMEOUT, "header_timeout"),
	FAILURE(REASON_BODY_TIMEOUT, "body_timeout"),
	FAILURE(REASON_BODY_TOO_SLOW, "body_too_slow"),
	FAILURE(REASON_CLIENT_GONE, "client_gone"),
	FAILURE(REASON_SEND_TIMEOUT, "send_timeout"),
	FAILURE(REASON_TUNNEL_TIMEOUT, "tunnel_timeout"),
	FAILURE(REASON_LOOP, "loop"),
	FAILURE(REASON_CONNECT_REFUSED, "connect_refused"),
	FAILURE(REASON_CONNECT_FAILED, "connect_failed"),
	FAILURE(REASON_CONNECT_TIMEOUT, "connect_timeout"),
	FAILURE(REASON_DNS_FAILED, "dns_failed"),
	FAILURE(REASON_TLS_CERTIFICATE, "tls_certificate_error"),
	FAILURE(REASON_TLS_HANDSHAKE, "tls_handshake_failed"),
	FAILURE(REASON_NO_SERVER, "no_server"),
	FAILURE(REASON_SERVER_CLOSED, "server_closed"),
	FAILURE(REASON_SERVER_RESET, "server_reset"),
	FAILURE(REASON_RESPONSE_TIMEOUT, "response_timeout"),
	FAILURE(REASON_READ_TIMEOUT, "read_timeout"),
	FAILURE(REASON_WRITE_TIMEOUT, "write_timeout"),
	FAILURE(REASON_BAD_RESPONSE, "bad_response"),
	FAILURE(REASON_RESPONSE_LENGTH, "response_length"),
	FAILURE(REASON_RESPONSE_CODING, "response_coding"),
	FAILURE(REASON_RESPONSE_TOO_LARGE, "response_too_large"),
	FAILURE(REASON_RESPONSE_INCOMPLETE, "response_incomplete"),
	FAILURE(REASON_BAD_UPGRADE, "bad_upgrade"),
	FAILURE(REASON_EARLY_ANSWER, "early_answer"),
	FAILURE(REASON_NO_MEMORY, "no_memory"),
	FAILURE(REASON_TOO_MANY, "too_many"),
	FAILURE(REASON_DRAINING, "draining"),
	FAILURE(REASON_EGRESS_AWAY, "egress_away"),
	FAILURE(REASON_EGRESS_TARGET, "egress_unknown_target"),
	FAILURE(REASON_RULE_LIMIT, "rule_limit"),
	FAILURE(REASON_INTERNAL, "internal"),
};

const unsigned rproxy_n_metrics = RPROXY_N_METRICS;
