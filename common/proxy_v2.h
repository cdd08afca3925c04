/*
 * PROXY protocol version 2, both directions, with the TLS facts that tlsd
 * knows and rproxy needs.  Pure.  Source: haproxy's proxy-protocol.txt
 * sections 2.2 to 2.2.8; types 0xE0-0xEF are ours.
 *
 * Rules beyond the specification: an unknown version, command or family and a
 * partial or overrunning element are BAD; what we know may come once (0xE0
 * excepted); nothing is auto-detected.  Types we do not know are skipped.
 */
#ifndef COMMON_PROXY_V2_H
#define COMMON_PROXY_V2_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/slice.h"

#define PROXY_V2_MAX (16 + 65535) /* bytes on the wire, at most */
#define PROXY_V2_CHAIN_MAX 8

enum proxy_v2_command {
	PROXY_V2_LOCAL = 0, /* the connection carries no client */
	PROXY_V2_PROXY = 1,
};

/* client field of PP2_TYPE_SSL */
#define PROXY_V2_CLIENT_SSL 0x01
#define PROXY_V2_CLIENT_CERT_CONN 0x02 /* certificate on this connection */
#define PROXY_V2_CLIENT_CERT_SESS 0x04 /* certificate in this session */

/*
 * All slices are borrowed: from the caller for the encoder, from the input
 * for the decoder.  An empty slice means "not said".
 */
struct proxy_v2 {
	enum proxy_v2_command command;
	struct addr src; /* len 0: unknown (AF_UNSPEC, or a Unix peer) */
	struct addr dst;

	struct slice alpn;      /* 0x01 */
	struct slice authority; /* 0x02: the SNI, as the client sent it */
	struct slice unique_id; /* 0x05: joins the logs of both daemons */

	/* 0x20 was there; haproxy sends it for plain connections, too, so
	 * "it was TLS" is client & PROXY_V2_CLIENT_SSL */
	bool has_ssl;
	uint8_t client;       /* PROXY_V2_CLIENT_* */
	uint32_t verify;      /* X509_V_*; means something only with a cert */
	struct slice version; /* 0x21: "TLSv1.3" */
	struct slice cn;      /* 0x22 */
	struct slice cipher;  /* 0x23: OpenSSL's name */
	struct slice sig_alg; /* 0x24 */
	struct slice key_alg; /* 0x25 */
	struct slice group;   /* 0x26 */
	struct slice sig_scheme; /* 0x27 */
	struct slice cert;       /* 0x28: leaf, DER */

	/* 0xE0-0xEF, ours: inside the 0x20 record's siblings, one each */
	struct slice subject;     /* 0xE1: RFC 2253 form, UTF-8 */
	struct slice issuer;      /* 0xE2 */
	struct slice serial;      /* 0xE3: upper-case hex */
	struct slice fingerprint; /* 0xE4: SHA-256, lower-case hex */
	struct slice not_before;  /* 0xE5: RFC 3339, UTC */
	struct slice not_after;   /* 0xE6 */
	struct slice verify_text; /* 0xE7: OpenSSL's words */
	struct slice session_id;  /* 0xE8: lower-case hex */
	struct slice listener;    /* 0xE9: name of tlsd's [listen NAME] */
	uint16_t cipher_bits;     /* 0xEA: 2 bytes, 0: not said */
	uint32_t generation;      /* 0xEB: 4 bytes, of tlsd; 0: not said */
	bool draining;            /* 0xEC, empty: that generation drains */
	/* on egress connections alone, common/egress_wire.h */
	struct slice egress_target;             /* 0xED */
	struct slice egress_outcome;            /* 0xEE */
	struct slice chain[PROXY_V2_CHAIN_MAX]; /* 0xE0, repeated: DER, without
						 * the leaf, in TLS order */
	unsigned n_chain;
};

enum proxy_v2_verdict {
	PROXY_V2_DONE,
	PROXY_V2_MORE,
	PROXY_V2_BAD,
};

/*
 * Bytes in, struct out.  On DONE *used_bytes is the header's length and the
 * slices point into in.  On BAD *reason is a constant text.
 */
enum proxy_v2_verdict proxy_v2_decode(struct slice in, struct proxy_v2 *out,
    size_t *used_bytes, const char **reason);

/*
 * The same for a header that is not tlsd's but some balancer's: command and
 * addresses alone.  Its records are not looked at, since several use types
 * 0xE0-0xEF for something of their own (AWS 0xEA, Google 0xE0, Azure 0xEE).
 */
enum proxy_v2_verdict proxy_v2_decode_foreign(struct slice in,
    struct proxy_v2 *out, size_t *used_bytes, const char **reason);

/*
 * Writes the header into out; returns its length, or 0 when room_bytes or
 * the format's 16 bits do not suffice.  Chain certificates that do not fit
 * are left out from the end; everything else must fit.
 */
size_t proxy_v2_encode(const struct proxy_v2 *pp, char *out, size_t room_bytes);

/*
 * True when a client certificate was presented and verified.  A verify of 0
 * alone says nothing: it is 0 without a certificate, too.
 */
bool proxy_v2_is_verified(const struct proxy_v2 *pp);

#endif
