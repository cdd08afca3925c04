/*
 * What each application server wants from a gateway in front of it: one table
 * of headers per "app", one row per header, and one line on how its servers
 * behave.  Pure data; forwarded.c turns the rows into fields.
 *
 * To teach the gateway another server, add a table and a line to profile.c,
 * its name to enum app_kind (common/site_conf.h) and to app_words
 * (common/site_schema.c), the form of its session id to upstream/sticky.c, and
 * what it is told to site.ini(5).
 */
#ifndef RPROXY_REWRITE_PROFILE_H
#define RPROXY_REWRITE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/site_conf.h"
#include "common/slice.h"

/* What a header says; nothing is sent when the fact is not known. */
enum profile_fact {
	FACT_CLIENT_ADDR,   /* 192.0.2.1 */
	FACT_SCHEME,        /* http, https */
	FACT_HOST,          /* as the client asked for it, with its port */
	FACT_HOST_NAME,     /* without the port */
	FACT_PORT,          /* public port, decimal */
	FACT_FORWARDED,     /* RFC 7239 element */
	FACT_IS_HTTPS,      /* true, false */
	FACT_TRUE_IF_HTTPS, /* true; nothing on http */
	FACT_HTTP_VERSION,  /* HTTP/1.1 */
	FACT_TLS_VERSION,   /* TLSv1.3 */
	FACT_CIPHER,        /* TLS_AES_256_GCM_SHA384 */
	FACT_CIPHER_BITS,   /* 256 */
	FACT_ACCESS_POINTS, /* HTTP=80,HTTPS=443 */
	FACT_SESSION_ID,    /* hex */
	FACT_CERT_B64,      /* DER in base64, one line */
	FACT_CERT_PEM1,     /* PEM in one line, single spaces */
	FACT_CERT_RFC9440,  /* :base64: */
	FACT_CHAIN_B64,     /* one header per certificate, NAMEn from 1 */
	FACT_CHAIN_RFC9440, /* list of :base64: */
	FACT_CERT_VERDICT,  /* SUCCESS, FAILED:text: optional_any alone */
};

struct profile_row {
	struct slice name; /* exact spelling */
	enum profile_fact fact;
};

struct profile {
	const struct profile_row *rows;
	size_t n_rows;
	/* idle connections: when the server closes one by default, and when
	 * we do; seconds */
	unsigned server_idle_s;
	unsigned idle_s;
	/* where a pool has more than one server */
	enum sticky_mode sticky;
	const char *health; /* a path that answers where all is well, or NULL */
	/* links in pages are absolute and cannot be mapped (SAP note 833960):
	 * no "to", and one system for each host name */
	bool wants_its_paths;
};

const struct profile *profile_of(enum app_kind app);
/* The row that sends this header, in any spelling; NULL: none does. */
const struct profile_row *
profile_find(const struct profile *p, struct slice name);
/* Whether a client's certificate is passed on. */
bool profile_has_cert(const struct profile *p);

#endif
