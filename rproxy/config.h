/*
 * rproxy.ini and the site files it names, as one struct.  Made at start-up in
 * the master and again, from the bundle, in each child; never changes.
 */
#ifndef RPROXY_CONFIG_H
#define RPROXY_CONFIG_H

#include "common/addr.h"
#include "common/log.h"
#include "common/site_conf.h"

enum access_log_format {
	ACCESS_LOG_COMMON,
	ACCESS_LOG_COMBINED,
	ACCESS_LOG_JSON,
};

struct listen_conf {
	struct conf_place at;
	char *name; /* of [listen NAME] */
	struct addr *address;
	size_t n_address;
	bool proxy_v2; /* a Unix socket */
	char *from;    /* user that may connect (Unix); never NULL
			* for a Unix socket */
	uid_t from_uid;
};

struct rproxy_config {
	struct conf_file *source; /* owned; all places point into it */
	char *file;
	struct bundle *bundle; /* borrowed, outlives us */
	char *user;            /* NULL: stay */
	unsigned workers;      /* resolved, 1.. */
	char *egress;          /* path of tlsd's socket; NULL: none */
	char *admin;           /* NULL: none */
	char *log;
	enum log_level log_level;
	char *access_log; /* NULL: none; absolute path or "stderr" */
	enum access_log_format access_log_format;
	uint64_t drain_timeout_ms;
	/* limits on what a client may send and how slowly */
	uint64_t header_timeout_ms;    /* first byte to end of the head */
	uint64_t keepalive_timeout_ms; /* idle between two requests */
	uint64_t body_timeout_ms;      /* silence in a request body */
	unsigned body_min_rate;        /* bytes per second; 0: any */
	uint64_t send_timeout_ms;      /* client takes nothing */
	unsigned max_request_line;     /* bytes */
	unsigned max_field_bytes;      /* one field line */
	unsigned max_headers_bytes;    /* all fields */
	unsigned max_headers;          /* number of fields */
	unsigned max_connections;      /* of each worker */
	/* and on what a server may send */
	unsigned max_response_headers_bytes;
	struct listen_conf *listen;
	size_t n_listen;
	struct string_list site_patterns; /* absolute, "*" and all */
	struct site_list sites;
	struct string_list access_logs; /* see rproxy_config_access_log() */
};

struct rproxy_config *
rproxy_config_read(const char *path, struct bundle *b, struct conf_faults *f);
void rproxy_config_free(struct rproxy_config *c);

/*
 * The access log files: the daemon's own first (if any), then those of the
 * sites, each path once.  The master opens them in this order; children get
 * the descriptors in this order.
 */
size_t rproxy_config_n_access_logs(const struct rproxy_config *c);
const char *rproxy_config_access_log(const struct rproxy_config *c, size_t i);
/* Index for a site, or -1 for none. */
int rproxy_config_site_access_log(
    const struct rproxy_config *c, const struct site_conf *s);

#endif
