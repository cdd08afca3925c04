/*
 * What workers and the signer may say to each other: one SOCK_SEQPACKET
 * message is one request or one reply.  Pure.  The signer believes nothing of
 * what a worker sends; the worker believes the lengths of a reply only.
 *
 * request	u8 'S', u8 algorithm, u16 key number, u32 request id,
 *		then what TLS signs, whole (never a digest):
 *		  1.3: 64 x 0x20, "TLS 1.3, server CertificateVerify" (or
 *		       "client"), 0, transcript hash of 32 or 48 bytes
 *		       (RFC 8446 4.4.3)
 *		  a server up to 1.2: client_random, server_random,
 *		       ServerECDHParams (RFC 8422 section 5.4); server_random
 *		       ends as that of a server which speaks 1.3 too
 *		       (RFC 8446 4.1.3)
 *		  a client in 1.2: all handshake messages so far
 *		       (RFC 5246 section 7.4.8)
 * reply	u8 'R', u8 status, u16 0, u32 request id, signature
 *
 * On start the signer sends on each channel, key by key:
 * key		u8 'K', u8 0, u16 key number, SubjectPublicKeyInfo (DER)
 * so that a worker notices a key that does not fit its certificate.
 */
#ifndef TLSD_PROTOCOL_H
#define TLSD_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

#define PROTOCOL_MAX_MESSAGE 4096 /* bytes; a reply of RSA-16384 fits */
/*
 * Bytes to be signed: a client's are the longest, with two chains and the
 * names of all the CAs that a server may list.
 */
#define PROTOCOL_MAX_TBS (64 * 1024)
#define PROTOCOL_MAX_REQUEST (8 + PROTOCOL_MAX_TBS)

enum sign_algorithm {
	SIGN_RSA_PKCS1_SHA256 = 1,
	SIGN_RSA_PKCS1_SHA384,
	SIGN_RSA_PKCS1_SHA512,
	SIGN_RSA_PSS_SHA256,
	SIGN_RSA_PSS_SHA384,
	SIGN_RSA_PSS_SHA512,
	SIGN_ECDSA_SHA256,
	SIGN_ECDSA_SHA384,
	SIGN_ECDSA_SHA512,
	SIGN_ED25519,
	SIGN_ED448,
	/* TLS 1.0 and 1.1 know no others (RFC 4346 section 7.4.3) */
	SIGN_RSA_PKCS1_MD5_SHA1,
	SIGN_ECDSA_SHA1,
};

enum sign_status {
	SIGN_OK = 0,
	SIGN_REFUSED, /* not legal: the signer ends the channel after it */
	SIGN_FAILED,  /* the library failed */
};

struct sign_request {
	enum sign_algorithm algorithm;
	uint16_t key_no;
	uint32_t id;
	struct slice tbs;
};

struct sign_reply {
	enum sign_status status;
	uint32_t id;
	struct slice signature;
};

/* These return the length of the message, 0 when it would not fit. */
size_t protocol_encode_request(
    const struct sign_request *r, char *out, size_t room_bytes);
size_t
protocol_encode_reply(const struct sign_reply *r, char *out, size_t room_bytes);
size_t protocol_encode_key(
    uint16_t key_no, struct slice spki, char *out, size_t room_bytes);
/* Slices point into in.  False: *reason is a constant text. */
bool protocol_decode_request(
    struct slice in, struct sign_request *out, const char **reason);
bool protocol_decode_reply(struct slice in, struct sign_reply *out);
bool protocol_decode_key(struct slice in, uint16_t *key_no, struct slice *spki);

/*
 * Whether tbs has the form of a structure that a TLS server signs with this
 * algorithm: nothing else may ever be signed.  Whether a point in it is one is
 * not decided here: see protocol_find_point().
 */
bool protocol_is_tls_structure(enum sign_algorithm a, struct slice tbs);
/* The same of a client, which up to TLS 1.2 signs a run of messages. */
bool protocol_is_client_structure(enum sign_algorithm a, struct slice tbs);

/* The server's half of a key exchange up to TLS 1.2. */
struct tls_point {
	uint16_t group; /* as on the wire, one that is known */
	struct slice bytes;
};

/* False: a structure without one, that of TLS 1.3.  Points into tbs. */
bool protocol_find_point(struct slice tbs, struct tls_point *out);

#endif
