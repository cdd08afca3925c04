/*
 * PROXY protocol version 2.  Pure.  tlsd's workers encode, rproxy's workers
 * decode, and both read what a balancer or hitch or haproxy says.
 *
 *	signature  version+command  family  length  addresses  records
 *	   12            1             1       2     0 12 36     ...
 *
 * A record (TLV) is a type, a length of 16 bits and a value; the value of
 * 0x20 is a flag byte, a verify result and records again.  Which record goes
 * into which field is said once, in the two tables, for both directions.
 *
 * The decoder wants the whole header before it looks at an address (section
 * 2.2), but refuses a wrong start with the first wrong byte.
 */
#include <string.h>

#include "common/bytes.h"
#include "common/check.h"
#include "common/crc32c.h"
#include "common/proxy_v2.h"

#define HEADER_BYTES 16
#define RECORD_BYTES 3
#define SSL_BYTES 5 /* flags and verify, before the records in 0x20 */
#define IP4_BLOCK_BYTES 12
#define IP6_BLOCK_BYTES 36
#define UNIX_BLOCK_BYTES 216
#define UNIQUE_ID_MAX 128 /* section 2.2.5 */

#define VERSION_2 0x20

enum family {
	FAMILY_UNSPEC = 0x00,
	FAMILY_TCP4 = 0x11,
	FAMILY_UDP4 = 0x12,
	FAMILY_TCP6 = 0x21,
	FAMILY_UDP6 = 0x22,
	FAMILY_UNIX_STREAM = 0x31,
	FAMILY_UNIX_DGRAM = 0x32,
};

enum record_type {
	TYPE_ALPN = 0x01,
	TYPE_AUTHORITY = 0x02,
	TYPE_CRC32C = 0x03,
	TYPE_UNIQUE_ID = 0x05,
	TYPE_SSL = 0x20,
	SUBTYPE_VERSION = 0x21,
	SUBTYPE_CN = 0x22,
	SUBTYPE_CIPHER = 0x23,
	SUBTYPE_SIG_ALG = 0x24,
	SUBTYPE_KEY_ALG = 0x25,
	SUBTYPE_GROUP = 0x26,
	SUBTYPE_SIG_SCHEME = 0x27,
	SUBTYPE_CERT = 0x28,
	TYPE_CHAIN = 0xe0,
	TYPE_SUBJECT = 0xe1,
	TYPE_ISSUER = 0xe2,
	TYPE_SERIAL = 0xe3,
	TYPE_FINGERPRINT = 0xe4,
	TYPE_NOT_BEFORE = 0xe5,
	TYPE_NOT_AFTER = 0xe6,
	TYPE_VERIFY_TEXT = 0xe7,
	TYPE_SESSION_ID = 0xe8,
	TYPE_LISTENER = 0xe9,
	TYPE_CIPHER_BITS = 0xea,
	TYPE_GENERATION = 0xeb,
	TYPE_DRAINING = 0xec,
	TYPE_EGRESS_TARGET = 0xed,
	TYPE_EGRESS_OUTCOME = 0xee,
};

static const char signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* Records whose value is a slice of struct proxy_v2. */
struct slice_record {
	uint8_t type;
	size_t offset;
};

#define RECORD(type, field)                                                    \
	{                                                                      \
		(type), offsetof(struct proxy_v2, field)                       \
	}

static const struct slice_record top_records[] = {
	RECORD(TYPE_ALPN, alpn),
	RECORD(TYPE_AUTHORITY, authority),
	RECORD(TYPE_UNIQUE_ID, unique_id),
	RECORD(TYPE_SUBJECT, subject),
	RECORD(TYPE_ISSUER, issuer),
	RECORD(TYPE_SERIAL, serial),
	RECORD(TYPE_FINGERPRINT, fingerprint),
	RECORD(TYPE_NOT_BEFORE, not_before),
	RECORD(TYPE_NOT_AFTER, not_after),
	RECORD(TYPE_VERIFY_TEXT, verify_text),
	RECORD(TYPE_SESSION_ID, session_id),
	RECORD(TYPE_LISTENER, listener),
	RECORD(TYPE_EGRESS_TARGET, egress_target),
	RECORD(TYPE_EGRESS_OUTCOME, egress_outcome),
};

static const struct slice_record ssl_records[] = {
	RECORD(SUBTYPE_VERSION, version),
	RECORD(SUBTYPE_CN, cn),
	RECORD(SUBTYPE_CIPHER, cipher),
	RECORD(SUBTYPE_SIG_ALG, sig_alg),
	RECORD(SUBTYPE_KEY_ALG, key_alg),
	RECORD(SUBTYPE_GROUP, group),
	RECORD(SUBTYPE_SIG_SCHEME, sig_scheme),
	RECORD(SUBTYPE_CERT, cert),
};

/* field is the checksum's place in the header and counts as zero. */
static bool
is_crc_right(struct slice header, struct slice field)
{
	size_t before = (size_t)(field.p - header.p);
	struct slice after = slice_from(header, before + field.len);
	uint32_t crc = UINT32_MAX;

	crc = crc32c_add(crc, header.p, before);
	crc = crc32c_add(crc, "\0\0\0", 4);
	crc = crc32c_add(crc, after.p, after.len);
	return ~crc == be32(field.p);
}

/* decoder ------------------------------------------------------------------ */

struct decoder {
	struct proxy_v2 *out;
	struct slice header;
	uint64_t seen[4]; /* types, at the top level or within 0x20 */
};

struct record {
	uint8_t type;
	struct slice value;
};

/* Takes a record off *rest; false when it ends behind the end. */
static bool
take_record(struct slice *rest, struct record *r)
{
	size_t len;

	if (rest->len < RECORD_BYTES)
		return false;
	r->type = (uint8_t)rest->p[0];
	len = be16(rest->p + 1);
	*rest = slice_from(*rest, RECORD_BYTES);
	if (len > rest->len)
		return false;
	r->value = slice_first(*rest, len);
	*rest = slice_from(*rest, len);
	return true;
}

/* True the first time. */
static bool
mark_seen(struct decoder *d, uint8_t type)
{
	uint64_t bit = UINT64_C(1) << (type & 63);
	bool was = (d->seen[type >> 6] & bit) != 0;

	d->seen[type >> 6] |= bit;
	return !was;
}

/* NULL, or what is wrong; so with all decode_ functions. */
static const char *
decode_slice(struct decoder *d, const struct record *r,
    const struct slice_record *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct slice *field;

		if (table[i].type != r->type)
			continue;
		if (!mark_seen(d, r->type))
			return "a record came twice";
		field =
		    (struct slice *)(void *)((char *)d->out + table[i].offset);
		*field = r->value;
		return NULL;
	}
	return NULL; /* not ours to know: skipped, section 2.2 */
}

static const char *
decode_ssl(struct decoder *d, struct slice in)
{
	/* the inner records are counted by themselves */
	struct decoder inner = { .out = d->out };
	const char *wrong = NULL;
	struct record r;

	if (!mark_seen(d, TYPE_SSL))
		return "TLS record came twice";
	if (in.len < SSL_BYTES)
		return "TLS record is too short";
	d->out->has_ssl = true;
	d->out->client = (uint8_t)in.p[0];
	d->out->verify = be32(in.p + 1);
	in = slice_from(in, SSL_BYTES);
	while (wrong == NULL && in.len > 0) {
		if (!take_record(&in, &r))
			return "record within the TLS record overruns it";
		wrong = decode_slice(
		    &inner, &r, ssl_records, ARRAY_LEN(ssl_records));
	}
	return wrong;
}

static const char *
decode_chain(struct proxy_v2 *out, struct slice cert)
{
	if (cert.len == 0)
		return "empty chain certificate";
	if (out->n_chain == PROXY_V2_CHAIN_MAX)
		return "too many chain certificates";
	out->chain[out->n_chain++] = cert;
	return NULL;
}

/* Records of a fixed size. */
static const char *
decode_fixed(struct decoder *d, const struct record *r, size_t want_bytes)
{
	if (!mark_seen(d, r->type))
		return "a record came twice";
	if (r->value.len != want_bytes)
		return "a record has the wrong length";
	if (r->type == TYPE_CRC32C && !is_crc_right(d->header, r->value))
		return "wrong checksum";
	if (r->type == TYPE_CIPHER_BITS)
		d->out->cipher_bits = be16(r->value.p);
	if (r->type == TYPE_GENERATION)
		d->out->generation = be32(r->value.p);
	if (r->type == TYPE_DRAINING)
		d->out->draining = true;
	return NULL;
}

static const char *
decode_record(struct decoder *d, const struct record *r)
{
	switch (r->type) {
	case TYPE_CRC32C:
	case TYPE_GENERATION:
		return decode_fixed(d, r, 4);
	case TYPE_CIPHER_BITS:
		return decode_fixed(d, r, 2);
	case TYPE_DRAINING:
		return decode_fixed(d, r, 0);
	case TYPE_SSL:
		return decode_ssl(d, r->value);
	case TYPE_CHAIN:
		return decode_chain(d->out, r->value);
	case TYPE_UNIQUE_ID:
		if (r->value.len > UNIQUE_ID_MAX)
			return "unique id is longer than 128 bytes";
		break;
	}
	return decode_slice(d, r, top_records, ARRAY_LEN(top_records));
}

/* -1: no such family. */
static int
block_bytes(uint8_t family)
{
	switch (family) {
	case FAMILY_UNSPEC:
		return 0;
	case FAMILY_TCP4:
	case FAMILY_UDP4:
		return IP4_BLOCK_BYTES;
	case FAMILY_TCP6:
	case FAMILY_UDP6:
		return IP6_BLOCK_BYTES;
	case FAMILY_UNIX_STREAM:
	case FAMILY_UNIX_DGRAM:
		return UNIX_BLOCK_BYTES;
	}
	return -1;
}

/*
 * LOCAL's addresses are to be ignored; a datagram's or a Unix peer's would
 * mean nothing to anybody behind us.
 */
static void
decode_addresses(struct proxy_v2 *out, uint8_t family, const char *p)
{
	if (out->command == PROXY_V2_LOCAL)
		return;
	if (family == FAMILY_TCP4) {
		out->src = addr_from_ip4(p, p + 8);
		out->dst = addr_from_ip4(p + 4, p + 10);
	}
	if (family == FAMILY_TCP6) {
		out->src = addr_from_ip6(p, p + 32);
		out->dst = addr_from_ip6(p + 16, p + 34);
	}
}

/* The fixed part, as far as it is there. */
static const char *
check_start(struct slice in)
{
	size_t n = in.len < sizeof(signature) ? in.len : sizeof(signature);

	if (n > 0 && memcmp(in.p, signature, n) != 0)
		return "not the PROXY v2 signature";
	if (in.len > 12 && (in.p[12] & 0xf0) != VERSION_2)
		return "unknown PROXY version";
	if (in.len > 12 && (in.p[12] & 0x0f) > PROXY_V2_PROXY)
		return "unknown PROXY command";
	if (in.len > 13 && block_bytes((uint8_t)in.p[13]) < 0)
		return "unknown address family";
	return NULL;
}

/* Command and addresses; *rest are the records. */
static const char *
decode_client(struct slice header, struct proxy_v2 *out, struct slice *rest)
{
	uint8_t family = (uint8_t)header.p[13];
	size_t block = (size_t)block_bytes(family);

	*out = (struct proxy_v2){ .command = header.p[12] & 0x0f };
	*rest = slice_from(header, HEADER_BYTES);
	if (rest->len < block)
		return "address block is cut short";
	decode_addresses(out, family, rest->p);
	*rest = slice_from(*rest, block);
	return NULL;
}

static const char *
decode_records(struct slice header, struct proxy_v2 *out, struct slice rest)
{
	struct decoder d = { .out = out, .header = header };
	const char *wrong = NULL;
	struct record r;

	while (wrong == NULL && rest.len > 0) {
		if (!take_record(&rest, &r))
			return "record overruns the header";
		wrong = decode_record(&d, &r);
	}
	return wrong;
}

/* DONE: in begins with a header of *len bytes. */
static enum proxy_v2_verdict
measure(struct slice in, size_t *len, const char **reason)
{
	*reason = check_start(in);
	if (*reason != NULL)
		return PROXY_V2_BAD;
	if (in.len < HEADER_BYTES)
		return PROXY_V2_MORE;
	*len = HEADER_BYTES + be16(in.p + 14);
	return in.len < *len ? PROXY_V2_MORE : PROXY_V2_DONE;
}

enum proxy_v2_verdict
proxy_v2_decode(struct slice in, struct proxy_v2 *out, size_t *used_bytes,
    const char **reason)
{
	enum proxy_v2_verdict v = measure(in, used_bytes, reason);
	struct slice header, rest;

	if (v != PROXY_V2_DONE)
		return v;
	header = slice_first(in, *used_bytes);
	*reason = decode_client(header, out, &rest);
	if (*reason == NULL)
		*reason = decode_records(header, out, rest);
	return *reason == NULL ? PROXY_V2_DONE : PROXY_V2_BAD;
}

enum proxy_v2_verdict
proxy_v2_decode_foreign(struct slice in, struct proxy_v2 *out,
    size_t *used_bytes, const char **reason)
{
	enum proxy_v2_verdict v = measure(in, used_bytes, reason);
	struct slice rest;

	if (v != PROXY_V2_DONE)
		return v;
	*reason = decode_client(slice_first(in, *used_bytes), out, &rest);
	return *reason == NULL ? PROXY_V2_DONE : PROXY_V2_BAD;
}

/* encoder ------------------------------------------------------------------ */

struct encoder {
	char *p;
	size_t len;
	size_t room;
	bool is_full;
};

static void
put(struct encoder *e, const void *p, size_t len)
{
	if (e->is_full || len > e->room - e->len) {
		e->is_full = true;
		return;
	}
	if (len > 0)
		memcpy(e->p + e->len, p, len);
	e->len += len;
}

static void
put_record(struct encoder *e, uint8_t type, struct slice value)
{
	uint8_t head[RECORD_BYTES] = { type };

	if (value.len > UINT16_MAX) {
		e->is_full = true;
		return;
	}
	put_be16(head + 1, (uint16_t)value.len);
	put(e, head, sizeof(head));
	put(e, value.p, value.len);
}

/* What is empty is not said. */
static void
put_slices(struct encoder *e, const struct proxy_v2 *pp,
    const struct slice_record *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct slice *field =
		    (const struct slice *)(const void *)((const char *)pp +
							 table[i].offset);

		if (field->len > 0)
			put_record(e, table[i].type, *field);
	}
}

static void
put_ssl(struct encoder *e, const struct proxy_v2 *pp)
{
	size_t start = e->len;
	uint8_t head[RECORD_BYTES + SSL_BYTES] = { TYPE_SSL, 0, 0, pp->client };

	put_be32(head + RECORD_BYTES + 1, pp->verify);
	put(e, head, sizeof(head));
	put_slices(e, pp, ssl_records, ARRAY_LEN(ssl_records));
	/* the whole header is shorter than 64k, so this is, too */
	if (!e->is_full)
		put_be16(e->p + start + 1,
		    (uint16_t)(e->len - start - RECORD_BYTES));
}

static void
put_fixed(struct encoder *e, const struct proxy_v2 *pp)
{
	char bits[2];
	char generation[4];

	put_be16(bits, pp->cipher_bits);
	put_be32(generation, pp->generation);
	if (pp->cipher_bits != 0)
		put_record(
		    e, TYPE_CIPHER_BITS, (struct slice){ bits, sizeof(bits) });
	if (pp->generation != 0)
		put_record(e, TYPE_GENERATION,
		    (struct slice){ generation, sizeof(generation) });
	if (pp->draining)
		put_record(e, TYPE_DRAINING, SLICE_NONE);
}

/* From the end: the certificates next to the leaf are the useful ones. */
static void
put_chain(struct encoder *e, const struct proxy_v2 *pp)
{
	for (unsigned i = 0; i < pp->n_chain; i++) {
		if (pp->chain[i].len > UINT16_MAX ||
		    RECORD_BYTES + pp->chain[i].len > e->room - e->len)
			return;
		put_record(e, TYPE_CHAIN, pp->chain[i]);
	}
}

/*
 * An address as 16 bytes, IPv4 mapped (RFC 4291 section 2.5.5.2), and the
 * port, both in network order.
 */
struct endpoint {
	uint8_t ip[16];
	char port[2];
};

static bool
endpoint_of(const struct addr *a, struct endpoint *out)
{
	*out = (struct endpoint){ { [10] = 0xff, [11] = 0xff }, { 0 } };
	put_be16(out->port, addr_port(a));
	if (a->len == 0)
		return false;
	if (a->u.sa.sa_family == AF_INET)
		memcpy(out->ip + 12, &a->u.in.sin_addr, 4);
	else if (a->u.sa.sa_family == AF_INET6)
		memcpy(out->ip, &a->u.in6.sin6_addr, sizeof(out->ip));
	else
		return false;
	return true;
}

static bool
is_ip4(const struct endpoint *e)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(e->ip, mapped, sizeof(mapped)) == 0;
}

/* Two families at once cannot be said: then both are written as IPv6. */
static enum family
put_addresses(struct encoder *e, const struct proxy_v2 *pp)
{
	struct endpoint src, dst;
	size_t skip;

	if (pp->command == PROXY_V2_LOCAL || !endpoint_of(&pp->src, &src) ||
	    !endpoint_of(&pp->dst, &dst))
		return FAMILY_UNSPEC;
	skip = is_ip4(&src) && is_ip4(&dst) ? 12 : 0;
	put(e, src.ip + skip, sizeof(src.ip) - skip);
	put(e, dst.ip + skip, sizeof(dst.ip) - skip);
	put(e, src.port, sizeof(src.port));
	put(e, dst.port, sizeof(dst.port));
	return skip > 0 ? FAMILY_TCP4 : FAMILY_TCP6;
}

size_t
proxy_v2_encode(const struct proxy_v2 *pp, char *out, size_t room_bytes)
{
	struct encoder e = { .p = out };
	uint8_t head[HEADER_BYTES] = { 0 };
	enum family family;

	CHECK(pp->n_chain <= PROXY_V2_CHAIN_MAX);
	e.room = room_bytes < PROXY_V2_MAX ? room_bytes : PROXY_V2_MAX;
	if (pp->unique_id.len > UNIQUE_ID_MAX)
		return 0;
	put(&e, head, sizeof(head));
	family = put_addresses(&e, pp);
	put_slices(&e, pp, top_records, ARRAY_LEN(top_records));
	if (pp->has_ssl)
		put_ssl(&e, pp);
	put_fixed(&e, pp);
	if (e.is_full)
		return 0;
	put_chain(&e, pp);

	memcpy(out, signature, sizeof(signature));
	out[12] = (char)(VERSION_2 | pp->command);
	out[13] = (char)family;
	put_be16(out + 14, (uint16_t)(e.len - HEADER_BYTES));
	return e.len;
}

bool
proxy_v2_is_verified(const struct proxy_v2 *pp)
{
	return pp->command == PROXY_V2_PROXY && pp->has_ssl &&
	       (pp->client & PROXY_V2_CLIENT_SSL) != 0 &&
	       (pp->client & (PROXY_V2_CLIENT_CERT_CONN |
				 PROXY_V2_CLIENT_CERT_SESS)) != 0 &&
	       pp->verify == 0;
}
