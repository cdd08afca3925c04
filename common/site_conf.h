/*
 * One site file, read by both daemons: each acts on its own sections, both
 * check the whole.  Everything here is made at start-up and never changes.
 * All pointers are owned by the struct site_conf.  Paths are absolute.
 */
#ifndef COMMON_SITE_CONF_H
#define COMMON_SITE_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf.h"
#include "common/slice.h"

/* The server behind: what it wants to hear (shared/reference 4.0). */
enum app_kind {
	APP_NONE,
	APP_SAP_JAVA,
	APP_SAP_ABAP,
	APP_TOMCAT,
	APP_WILDFLY,
	APP_JETTY,
	APP_WEBLOGIC,
	APP_WEBSPHERE,
	APP_RFC,
};

enum client_verify {
	CLIENT_VERIFY_NONE,
	CLIENT_VERIFY_OPTIONAL,
	CLIENT_VERIFY_REQUIRED,
};

enum tls_min_version {
	TLS_MIN_1_2,
	TLS_MIN_1_3,
};

/* certificate[i] goes with key[i] */
struct tls_conf {
	bool present; /* there is a [tls] section */
	struct conf_place at;
	struct string_list certificate;
	struct string_list key;
	enum tls_min_version min_version;
	enum client_verify client_verify;
	struct string_list client_ca;
	struct string_list client_crl;
	unsigned client_depth;
};

enum via_mode {
	VIA_ON,
	VIA_OFF,
	VIA_FULL,
	VIA_BLOCK,
};

/* "Name: value" */
struct header_conf {
	char *name;
	char *value; /* "" for removals */
};

struct header_list {
	struct header_conf *v;
	size_t n;
};

struct http_conf {
	enum via_mode via;
	char *via_name;      /* never NULL */
	uint64_t timeout_ms; /* silence of the server */
	bool preserve_host;
	char *root_redirect; /* NULL: none */
	bool https_redirect;
	unsigned https_port; /* public port named in redirects, 443 */
	struct header_list request_header; /* replaced or added */
	struct header_list request_header_remove;
	struct header_list response_header;
	struct header_list response_header_remove;
	char *access_log; /* NULL: the daemon's; absolute path or "stderr" */
};

struct server_conf {
	struct conf_place at;
	bool https;
	char *host; /* as written, lower case, no brackets */
	uint16_t port;
	char *id; /* NULL: none */
	unsigned weight;
};

/* A name that the servers call themselves by, http://host:port */
struct authority_conf {
	bool https;
	char *host;
	uint16_t port;
};

struct pool_conf {
	struct conf_place at;
	char *name;
	struct server_conf *server;
	size_t n_server;
	struct authority_conf *alias;
	size_t n_alias;
	uint64_t connect_timeout_ms;
	uint64_t keepalive_timeout_ms; /* idle server connections */
};

struct route_conf {
	struct conf_place at;
	char *name;
	struct string_list prefix; /* each starts with '/' */
	char *to;                  /* NULL: no path mapping */
	/* borrowed from the site; the two are the same for "pool =" */
	const struct pool_conf *pool_http;
	const struct pool_conf *pool_https;
	bool require_tls;
	bool require_client_cert;
	uint64_t max_body_bytes; /* 0: no limit */
	uint64_t timeout_ms;     /* the route's own, or the site's */
};

struct site_conf {
	struct conf_file *source; /* owned; all places point into it */
	char *file;
	char *name;               /* the first of names, for logs and metrics */
	struct string_list names; /* lower case; "*.example.com" allowed */
	enum app_kind app;
	bool is_default;
	struct tls_conf tls;
	struct http_conf http;
	struct route_conf *route;
	size_t n_route;
	struct pool_conf *pool;
	size_t n_pool;
};

/*
 * Reads every file that pattern (a glob, absolute) names, in alphabetical
 * order, checks each by itself and all together (a name claimed twice, two
 * defaults).  Always returns a list; it is fit for use when no error was
 * added to f.  With a bundle that is fixed (in a child) the patterns are held
 * against its paths instead of the disk.
 */
struct site_list {
	struct site_conf **v;
	size_t n;
};

void site_list_read(struct site_list *out, struct bundle *b,
    const struct string_list *patterns, struct conf_faults *f);
void site_list_free(struct site_list *l);

#endif
