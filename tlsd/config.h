/*
 * tlsd.ini and the site files it names, as one struct.  Made at start-up in
 * the master (from disk, into the bundle) and again in each child (from the
 * bundle alone); never changes.
 */
#ifndef TLSD_CONFIG_H
#define TLSD_CONFIG_H

#include "common/addr.h"
#include "common/log.h"
#include "common/site_conf.h"

/* Whom servers are trusted by where no tls_ca is named. */
#define TLSD_SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"

struct listen_conf {
	struct conf_place at;
	char *name; /* of [listen NAME] */
	struct addr *address;
	size_t n_address;
	bool proxy_protocol;     /* each connection begins with its header */
	struct cidr *proxy_from; /* who may say so */
	size_t n_proxy_from;
};

/* How the receiver behind the backend socket ends a whole response. */
enum backend_end {
	BACKEND_END_SHUTDOWN, /* rproxy: a bare close is an abort */
	BACKEND_END_CLOSE,    /* nginx, haproxy: an abort looks the same */
};

struct tlsd_config {
	struct conf_file *source; /* owned; all places point into it */
	char *file;
	struct bundle *bundle; /* borrowed, outlives us */
	char *user;            /* NULL: stay */
	unsigned workers;      /* resolved, 1.. */
	char *backend;         /* rproxy's socket, absolute path */
	char *egress;          /* where rproxy asks for connections to https
				* servers, absolute path; NULL: nowhere */
	char *egress_from;     /* user that may connect there */
	uid_t egress_from_uid; /* where there is an egress */
	char *admin;           /* NULL: none; path or address:port */
	char *log;             /* "stderr", "syslog" or an absolute path */
	enum log_level log_level;
	uint64_t handshake_timeout_ms;
	uint64_t idle_timeout_ms;
	uint64_t drain_timeout_ms;
	uint64_t backend_wait_ms; /* how long a client waits for rproxy */
	enum backend_end backend_end;
	uint64_t session_lifetime_ms;
	char *ticket_keys; /* absolute path; NULL: they are made here */
	/* of each worker; as many again to https servers */
	unsigned max_connections;
	unsigned max_connections_per_address; /* 0: no limit */
	unsigned max_handshakes;
	struct listen_conf *listen;
	size_t n_listen;
	struct string_list site_patterns; /* absolute, "*" and all */
	struct site_list sites;
};

/*
 * Reads everything that is not a secret through b and collects all faults.
 * Never NULL; fit for use only when f holds no error.
 */
struct tlsd_config *
tlsd_config_read(const char *path, struct bundle *b, struct conf_faults *f);
void tlsd_config_free(struct tlsd_config *c);

/* Contents of ticket_keys; empty when there is no such file. */
struct slice tlsd_config_ticket_keys(const struct tlsd_config *c);

/*
 * Number of the key in the order of the configuration: first the servers' keys,
 * sites in order, the pairs of each in order; then the clients', the pools of
 * each site in order, too.  Signer and workers count alike.
 */
unsigned tlsd_config_n_keys(const struct tlsd_config *c);
unsigned
tlsd_config_key_no(const struct tlsd_config *c, size_t site, size_t pair);
unsigned tlsd_config_client_key_no(
    const struct tlsd_config *c, size_t site, size_t pool, size_t pair);
const char *tlsd_config_key_path(const struct tlsd_config *c, unsigned key_no);

/*
 * The check of "tlsd -t" that needs OpenSSL: certificates, CA files, CRLs
 * and keys: unreadable, world-readable, not matching, in another form than
 * PEM; expired, uncovered names and a chain out of order as warnings.  May
 * be called with errors in f.  Certificates are read through pool.  Reads
 * private keys, so only in a process that ends right after.  Lives in
 * tlsd/check_files.c.
 */
struct cert_pool;
void tlsd_check_files(
    const struct tlsd_config *c, struct cert_pool *pool, struct conf_faults *f);

#endif
