/*
 * What rproxy and tlsd say to each other on a connection of tlsd's egress
 * socket, before the bytes: two PROXY v2 headers of command LOCAL.  Pure.
 *
 *	rproxy -> tlsd	record 0xED, the target: three texts with a NUL
 *			between them, "SITE", "POOL", "HOST:PORT"
 *	tlsd -> rproxy	record 0xEE, the outcome: one byte of enum egress_code
 *			and a text for the log; with EGRESS_CONNECTED also the
 *			record 0x20 with version and cipher; 0xEC when the
 *			generation of tlsd that answers drains
 *
 * rproxy sends no byte behind its header before the outcome is there, and
 * tlsd closes behind every outcome but EGRESS_CONNECTED.  All bytes after
 * that are the plaintext of both sides.  A shutdown is the orderly end of one
 * direction (close_notify); a close without one, or a reset, is an abort, a
 * TLS stream that was cut short included.
 */
#ifndef COMMON_EGRESS_WIRE_H
#define COMMON_EGRESS_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "common/proxy_v2.h"
#include "common/slice.h"

/* The numbers are on the wire: none is ever given another meaning. */
enum egress_code {
	EGRESS_CONNECTED = 0,
	EGRESS_UNKNOWN = 1,        /* no such target in tlsd's configuration */
	EGRESS_REFUSED = 2,        /* nobody listens there */
	EGRESS_CONNECT_FAILED = 3, /* no route, no address of the name, ... */
	EGRESS_TIMEOUT = 4,        /* connect_timeout of the pool is over */
	EGRESS_CERTIFICATE = 5,    /* the server's: chain, name or validity */
	EGRESS_HANDSHAKE = 6,      /* no TLS, or an alert of either side */
	EGRESS_SHORT = 7,          /* memory, descriptors, max_connections */
};
#define EGRESS_CODES 8

/* The longest header of each kind, bytes: what a receiver must have room for */
#define EGRESS_WIRE_MAX 2048
#define EGRESS_TARGET_MAX 1024 /* the three texts and both NULs, bytes */
#define EGRESS_TEXT_MAX 1024   /* of an outcome, bytes */
#define EGRESS_SERVER_MAX 264  /* "host:port" of a site file, with NUL */

/* No text may be empty or hold a NUL. */
struct egress_target {
	struct slice site;   /* the first of its names */
	struct slice pool;   /* NAME of [pool NAME] */
	struct slice server; /* egress_wire_server() */
};

struct egress_outcome {
	enum egress_code code;
	/* UTF-8 without control characters; empty with EGRESS_CONNECTED only */
	struct slice text;
	/* with EGRESS_CONNECTED: "TLSv1.3", OpenSSL's name of the cipher */
	struct slice version;
	struct slice cipher;
	bool is_draining; /* tlsd leaves: for one exchange, not to be kept */
};

/*
 * The server as both sides spell it: "host:port", with brackets around a
 * host that has a colon; the port is always there.  host as in struct
 * server_conf.  Returns out.
 */
const char *egress_wire_server(
    const char *host, uint16_t port, char out[EGRESS_SERVER_MAX]);

/* "connected", "unknown_target"...: for logs and metrics. */
const char *egress_wire_name(enum egress_code code);

/*
 * Makes any text fit for an outcome: what may not be in it becomes '?', and
 * what is too long is cut between two characters.  Changes text.
 */
struct slice egress_wire_clean(char *text);

/*
 * Writes a header into out, which has room for EGRESS_WIRE_MAX bytes; returns
 * its length, or 0 when a text breaks the rules above.
 */
size_t egress_wire_encode_target(const struct egress_target *t, char *out);
size_t egress_wire_encode_outcome(const struct egress_outcome *o, char *out);

/*
 * How much of a header that begins with in is to be read at least, in bytes in
 * all.  Who reads no more than that leaves what follows it in the socket.
 */
size_t egress_wire_wants(struct slice in);

/*
 * Bytes in, struct out.  On DONE *used_bytes is the header's length and the
 * slices point into in.  On BAD *reason is a constant text.  Never MORE with
 * EGRESS_WIRE_MAX bytes.
 */
enum proxy_v2_verdict egress_wire_decode_target(struct slice in,
    struct egress_target *out, size_t *used_bytes, const char **reason);
enum proxy_v2_verdict egress_wire_decode_outcome(struct slice in,
    struct egress_outcome *out, size_t *used_bytes, const char **reason);

#endif
