/*
 * The two headers on an egress connection.  Pure.  rproxy's workers and its
 * prober encode targets and decode outcomes, tlsd's workers the other way
 * round.
 *
 * Both sides are ours, so nothing is guessed and nothing excused.
 */
#include "common/egress_wire.h"

#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/check.h"

#define LENGTH_AT 14 /* of the 16 bits of length, in a PROXY v2 header */
#define HEADER_BYTES 16

static const char *const names[EGRESS_CODES] = {
	[EGRESS_CONNECTED] = "connected",
	[EGRESS_UNKNOWN] = "unknown_target",
	[EGRESS_REFUSED] = "refused",
	[EGRESS_CONNECT_FAILED] = "connect_failed",
	[EGRESS_TIMEOUT] = "timeout",
	[EGRESS_CERTIFICATE] = "certificate",
	[EGRESS_HANDSHAKE] = "handshake",
	[EGRESS_SHORT] = "short",
};

const char *
egress_wire_name(enum egress_code code)
{
	CHECK((unsigned)code < EGRESS_CODES);
	return names[code];
}

const char *
egress_wire_server(const char *host, uint16_t port, char out[EGRESS_SERVER_MAX])
{
	bool is_ip6 = strchr(host, ':') != NULL;
	int len = snprintf(out, EGRESS_SERVER_MAX, "%s%s%s:%u",
	    is_ip6 ? "[" : "", host, is_ip6 ? "]" : "", port);

	CHECK(len > 0 && len < EGRESS_SERVER_MAX);
	return out;
}

static bool
has_byte(struct slice s, char c)
{
	return slice_find(s, c) < s.len;
}

/* C0 and DEL; the C1 controls are 0xc2 and 0x80-0x9f in UTF-8. */
static bool
is_control(struct slice s, size_t i)
{
	uint8_t b = (uint8_t)s.p[i];
	uint8_t next = i + 1 < s.len ? (uint8_t)s.p[i + 1] : 0;

	return b < 0x20 || b == 0x7f ||
	       (b == 0xc2 && next >= 0x80 && next < 0xa0);
}

static bool
has_control(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (is_control(s, i))
			return true;
	return false;
}

static bool
is_inside_character(char c)
{
	return ((uint8_t)c & 0xc0) == 0x80;
}

struct slice
egress_wire_clean(char *text)
{
	struct slice s = slice_of(text);

	if (s.len > EGRESS_TEXT_MAX) {
		s.len = EGRESS_TEXT_MAX;
		while (s.len > 0 && is_inside_character(text[s.len]))
			s.len--;
	}
	for (size_t i = 0; i < s.len; i++)
		if (is_control(s, i))
			text[i] = '?';
	return s;
}

static bool
is_text(struct slice s)
{
	return s.len > 0 && !has_byte(s, '\0');
}

size_t
egress_wire_encode_target(const struct egress_target *t, char *out)
{
	char texts[EGRESS_TARGET_MAX];
	size_t len = t->site.len + 1 + t->pool.len + 1 + t->server.len;
	struct proxy_v2 pp = { .command = PROXY_V2_LOCAL };
	char *p = texts;

	if (!is_text(t->site) || !is_text(t->pool) || !is_text(t->server) ||
	    len > sizeof(texts))
		return 0;
	memcpy(p, t->site.p, t->site.len);
	p += t->site.len;
	*p++ = '\0';
	memcpy(p, t->pool.p, t->pool.len);
	p += t->pool.len;
	*p++ = '\0';
	memcpy(p, t->server.p, t->server.len);
	pp.egress_target = (struct slice){ texts, len };
	return proxy_v2_encode(&pp, out, EGRESS_WIRE_MAX);
}

/* NULL, or what is wrong with the text of an outcome. */
static const char *
check_text(enum egress_code code, struct slice text)
{
	if (text.len == 0 && code != EGRESS_CONNECTED)
		return "outcome without a text";
	if (text.len > EGRESS_TEXT_MAX)
		return "text of the outcome is too long";
	if (has_control(text))
		return "control character in the text of the outcome";
	return NULL;
}

size_t
egress_wire_encode_outcome(const struct egress_outcome *o, char *out)
{
	char value[1 + EGRESS_TEXT_MAX] = { (char)o->code };
	struct proxy_v2 pp = {
		.command = PROXY_V2_LOCAL,
		.egress_outcome = { value, 1 + o->text.len },
		.draining = o->is_draining,
	};

	CHECK((unsigned)o->code < EGRESS_CODES);
	if (check_text(o->code, o->text) != NULL)
		return 0;
	if (o->text.len > 0)
		memcpy(value + 1, o->text.p, o->text.len);
	if (o->code == EGRESS_CONNECTED) {
		pp.has_ssl = true;
		pp.client = PROXY_V2_CLIENT_SSL;
		pp.version = o->version;
		pp.cipher = o->cipher;
	}
	return proxy_v2_encode(&pp, out, EGRESS_WIRE_MAX);
}

size_t
egress_wire_wants(struct slice in)
{
	if (in.len < HEADER_BYTES)
		return HEADER_BYTES;
	return HEADER_BYTES + be16(in.p + LENGTH_AT);
}

/* Any LOCAL header of a length that we send. */
static enum proxy_v2_verdict
decode(struct slice in, struct proxy_v2 *pp, size_t *used_bytes,
    const char **reason)
{
	enum proxy_v2_verdict v = proxy_v2_decode(in, pp, used_bytes, reason);

	if (v == PROXY_V2_BAD)
		return v;
	if (egress_wire_wants(in) > EGRESS_WIRE_MAX) {
		*reason = "header is too long";
		return PROXY_V2_BAD;
	}
	if (v == PROXY_V2_DONE && pp->command != PROXY_V2_LOCAL) {
		*reason = "header speaks for a client";
		return PROXY_V2_BAD;
	}
	return v;
}

static const char *
take_target(const struct proxy_v2 *pp, struct egress_target *out)
{
	struct slice rest = pp->egress_target;

	if (rest.len == 0 || pp->egress_outcome.len > 0)
		return "header names no target";
	if (rest.len > EGRESS_TARGET_MAX)
		return "target is too long";
	if (!slice_split(&rest, '\0', &out->site) ||
	    !slice_split(&rest, '\0', &out->pool) || rest.p == NULL)
		return "target has less than three texts";
	out->server = rest;
	if (!is_text(out->site) || !is_text(out->pool) || rest.len == 0)
		return "empty text in the target";
	if (!is_text(rest))
		return "target has more than three texts";
	return NULL;
}

enum proxy_v2_verdict
egress_wire_decode_target(struct slice in, struct egress_target *out,
    size_t *used_bytes, const char **reason)
{
	struct proxy_v2 pp;
	enum proxy_v2_verdict v = decode(in, &pp, used_bytes, reason);

	if (v != PROXY_V2_DONE)
		return v;
	*reason = take_target(&pp, out);
	return *reason == NULL ? PROXY_V2_DONE : PROXY_V2_BAD;
}

static const char *
take_outcome(const struct proxy_v2 *pp, struct egress_outcome *out)
{
	struct slice value = pp->egress_outcome;

	if (value.len == 0 || pp->egress_target.len > 0)
		return "header tells no outcome";
	if ((uint8_t)value.p[0] >= EGRESS_CODES)
		return "unknown code of an outcome";
	*out = (struct egress_outcome){
		.code = (enum egress_code)value.p[0],
		.text = slice_from(value, 1),
		.version = pp->version,
		.cipher = pp->cipher,
		.is_draining = pp->draining,
	};
	if (pp->has_ssl != (out->code == EGRESS_CONNECTED))
		return "outcome and TLS record do not fit";
	if (has_control(out->version) || has_control(out->cipher))
		return "control character in the TLS record";
	return check_text(out->code, out->text);
}

enum proxy_v2_verdict
egress_wire_decode_outcome(struct slice in, struct egress_outcome *out,
    size_t *used_bytes, const char **reason)
{
	struct proxy_v2 pp;
	enum proxy_v2_verdict v = decode(in, &pp, used_bytes, reason);

	if (v != PROXY_V2_DONE)
		return v;
	*reason = take_outcome(&pp, out);
	return *reason == NULL ? PROXY_V2_DONE : PROXY_V2_BAD;
}
