/*
 * What rproxy counts: the place in this enum is the place in the table.
 */
#ifndef RPROXY_METRICS_TABLE_H
#define RPROXY_METRICS_TABLE_H

#include "common/metrics.h"
#include "rproxy/http/reason.h"

enum rproxy_metric {
	M_CONNECTIONS_PLAIN,
	M_CONNECTIONS_ANNOUNCED,
	M_CONNECTIONS_OPEN,
	M_REFUSED_PEER,
	M_REFUSED_HEADER,
	M_REFUSED_FULL,
	M_REFUSED_MEMORY,
	M_REQUESTS_1XX, /* in the order of the classes */
	M_REQUESTS_2XX,
	M_REQUESTS_3XX,
	M_REQUESTS_4XX,
	M_REQUESTS_5XX,
	M_EXCHANGES_OPEN,
	M_TUNNELS_OPEN,
	M_CLIENT_BYTES_IN,
	M_CLIENT_BYTES_OUT,
	M_SERVER_CONNECTS,
	M_SERVER_CONNECT_FAILURES,
	M_SERVER_REUSES,
	M_SERVER_OPEN,
	M_SERVER_IDLE,
	M_EGRESS_WAITING,
	M_REUSE_RACE,
	M_REUSE_RACE_RETRIED,
	M_FAILURES, /* one per reason from here: M_FAILURES + reason */
	RPROXY_N_METRICS = M_FAILURES + REASON_COUNT
};

extern const struct metric_def rproxy_metrics[];
extern const unsigned rproxy_n_metrics;

#endif
