/*
 * One line of an access log.  Pure.
 */
#ifndef RPROXY_ACCESS_LINE_H
#define RPROXY_ACCESS_LINE_H

#include <stdint.h>

#include "common/buf.h"
#include "rproxy/config.h"

#define ACCESS_LINE_MAX (128u * 1024) /* the longest possible is shorter */

/* What is known of an exchange at its end; empty slices: not known. */
struct access_entry {
	uint64_t time_ms; /* when it began, since the epoch */
	struct slice client;
	struct slice refused_line; /* of a request that was no request */
	struct slice method;
	struct slice target;
	unsigned minor;
	unsigned status;        /* sent to the client; 0: none */
	uint64_t body_bytes;    /* of the response, content only */
	uint64_t request_bytes; /* of the request body, likewise */
	struct slice referer;
	struct slice user_agent;
	struct slice host;
	struct slice site;
	struct slice route;
	struct slice pool;
	struct slice server;
	struct slice reason; /* "ok" or the reason's name */
	struct slice id;
	struct slice tls_version; /* empty: plain http */
	struct slice tls_cipher;
	struct slice cert_subject; /* of a verified client certificate */
	bool https;
	bool is_reused; /* the server connection had been idle */
	unsigned n_retries;
	uint64_t total_ms;
	int64_t connect_ms; /* from the start; -1: did not happen */
	int64_t head_ms;    /* until the response head; likewise */
};

/* Appends the line with its newline.  False: memory is short. */
bool access_line_write(struct buf *out, enum access_log_format format,
    const struct access_entry *e);

#endif
