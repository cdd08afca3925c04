/*
 * One site file, read by both daemons: each acts on its own sections, both
 * check the whole.  Everything here is made at start-up and never changes.
 * All pointers are owned by the struct site_conf.  Paths are absolute.
 */
#ifndef COMMON_SITE_CONF_H
#define COMMON_SITE_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
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
	CLIENT_VERIFY_OPTIONAL_ANY, /* a bad one is passed on as such */
	CLIENT_VERIFY_REQUIRED,
};

enum tls_min_version {
	TLS_MIN_1_0,
	TLS_MIN_1_1,
	TLS_MIN_1_2,
	TLS_MIN_1_3,
};

/* certificate[i] goes with key[i] */
struct tls_conf {
	bool present; /* there is a [tls] section */
	struct conf_place at;
	struct string_list certificate;
	struct string_list key;
	/* of all keys: a path, "credential:NAME", or NULL */
	char *key_passphrase;
	enum tls_min_version min_version;
	char *ciphers;      /* up to TLS 1.2; NULL: ours */
	char *ciphersuites; /* TLS 1.3; NULL: ours */
	char *groups;       /* NULL: ours */
	bool prefer_server_ciphers;
	enum client_verify client_verify;
	struct string_list client_ca;
	struct string_list client_crl;
	unsigned client_depth;
	struct string_list ocsp_staple; /* each fits one certificate */
};

enum via_mode {
	VIA_ON,
	VIA_OFF,
	VIA_FULL,
	VIA_BLOCK,
};

/* What a Proxy-Status field of ours says (RFC 9209). */
enum proxy_status_mode {
	PROXY_STATUS_OFF,
	PROXY_STATUS_SHORT, /* the kind of error */
	PROXY_STATUS_FULL,  /* also the reason and the server */
};

/* A page of the operator's instead of a built-in one. */
struct error_page_conf {
	struct conf_place at;
	unsigned status;
	char *path;
	/* borrowed from the bundle, put in by rproxy; none in tlsd */
	struct slice contents;
};

struct error_page_list {
	struct error_page_conf *v;
	size_t n;
};

/* "Name: value" */
struct header_conf {
	struct conf_place at;
	char *name;
	char *value; /* "" for removals */
};

struct header_list {
	struct header_conf *v;
	size_t n;
};

enum cookie_secure {
	COOKIE_SECURE_AUTO, /* on https */
	COOKIE_SECURE_ON,
	COOKIE_SECURE_OFF,
};

enum cookie_samesite {
	COOKIE_SAMESITE_KEEP,
	COOKIE_SAMESITE_LAX,
	COOKIE_SAMESITE_STRICT,
	COOKIE_SAMESITE_NONE,
};

/* Domain=from becomes Domain=to; compared without the dot in front */
struct cookie_domain_conf {
	struct conf_place at;
	char *from;
	char *to;
};

struct cookie_domain_list {
	struct cookie_domain_conf *v;
	size_t n;
};

struct cidr_list {
	struct cidr *v;
	size_t n;
};

struct pattern; /* a compiled expression: rproxy's */

/* A redirect or a rewrite, in the order of the file */
struct rule_conf {
	struct conf_place at;
	bool is_pattern; /* from is an expression, else a whole path */
	char *from;
	char *to;                /* a path, or a URL (redirects only) */
	unsigned status;         /* 0: by the method */
	struct pattern *pattern; /* of rproxy/config.c; NULL in tlsd */
};

struct rule_list {
	struct rule_conf *v;
	size_t n;
};

struct http_conf {
	enum via_mode via;
	char *via_name;      /* never NULL */
	uint64_t timeout_ms; /* silence of the server */
	/* what the routes have when they say nothing; 0: timeout */
	uint64_t first_byte_timeout_ms;
	uint64_t read_timeout_ms;
	uint64_t tunnel_timeout_ms;
	enum proxy_status_mode proxy_status;
	struct error_page_list error_page;
	bool preserve_host;
	char *root_redirect; /* NULL: none */
	bool https_redirect;
	unsigned https_port; /* public port named in redirects, 443 */
	unsigned hsts_s;     /* Strict-Transport-Security; 0: none */
	/* peers that may state the named fields; "SM_*" is a beginning */
	struct cidr_list trust_from;
	struct string_list trust_header;
	struct string_list strip_header; /* claims of this site's own */
	struct string_list deny;         /* prefixes of normalised paths */
	struct string_list allow;        /* none: all */
	struct rule_list redirect;
	struct rule_list rewrite;
	enum cookie_secure cookie_secure;
	bool cookie_httponly;
	enum cookie_samesite cookie_samesite;
	struct cookie_domain_list cookie_domain;
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

enum sticky_mode {
	STICKY_AUTO, /* never after rproxy/config.c */
	STICKY_NONE,
	STICKY_COOKIE, /* a cookie of ours */
	STICKY_APP,    /* the id in the server's own */
};

#define STICKY_OWN_COOKIE "ROUTEID" /* where sticky_cookie is NULL */

enum upstream_share {
	UPSTREAM_SHARE_ANY,
	UPSTREAM_SHARE_CLIENT, /* with the same client connection alone */
};

#define POOL_SERVERS_MAX 256

struct pool_conf {
	struct conf_place at;
	char *name;
	struct server_conf *server;
	size_t n_server;
	struct authority_conf *alias;
	size_t n_alias;
	uint64_t connect_timeout_ms;
	enum upstream_share upstream_share;
	bool upstream_keepalive;
	uint64_t keepalive_timeout_ms; /* idle server connections; 0: by app,
					* never after rproxy/config.c */
	enum sticky_mode sticky;
	char *sticky_cookie; /* NULL: the form's own name */
	char *sticky_key;    /* NULL: none */
	char *health;        /* path of the probes; NULL: none */
	uint64_t health_interval_ms;
	/* towards https:// servers; certificate[i] goes with key[i] */
	struct string_list tls_ca;          /* none: the system's */
	char *tls_name;                     /* NULL: the host of the server */
	struct string_list tls_certificate; /* ours, as their client */
	struct string_list tls_key;
};

enum require_tls {
	REQUIRE_TLS_NO,
	REQUIRE_TLS_YES,      /* 403 */
	REQUIRE_TLS_REDIRECT, /* to https */
};

/* "%2F" and "%5C" in a path */
enum encoded_slashes {
	ENCODED_SLASHES_REFUSE,
	ENCODED_SLASHES_PASS,
};

struct route_conf {
	struct conf_place at;
	char *name;
	struct string_list prefix; /* each starts with '/' */
	char *to;                  /* NULL: no path mapping */
	/* borrowed from the site; the two are the same for "pool =" */
	const struct pool_conf *pool_http;
	const struct pool_conf *pool_https;
	enum require_tls require_tls;
	bool require_client_cert;
	uint64_t max_body_bytes; /* 0: no limit */
	/* the route's own, or the site's */
	uint64_t timeout_ms;            /* the server takes nothing */
	uint64_t first_byte_timeout_ms; /* until the response head is there */
	uint64_t read_timeout_ms;       /* silence within the response */
	uint64_t tunnel_timeout_ms;     /* silence of both sides */
	uint64_t body_timeout_ms;       /* 0: the daemon's */
	unsigned body_min_rate;         /* bytes per second; likewise */
	enum encoded_slashes encoded_slashes;
	struct string_list upgrade; /* tokens; lower case */
};

struct site_conf {
	struct conf_file *source; /* owned; all places point into it */
	char *file;
	char *name; /* the first of names, for logs and metrics */
	char *host; /* the same as a Host, for who does not say one */
	struct string_list names; /* lower case; "*.example.com" allowed */
	enum app_kind app;
	bool is_default;
	char *access_points; /* "HTTP=80,HTTPS=443", by rproxy/config.c */
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
/* For processes that keep the sites: conf_file_forget_entries() for each. */
void site_list_forget_entries(struct site_list *l);
void site_list_free(struct site_list *l);

#endif
