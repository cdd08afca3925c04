/*
 * Socket addresses as text and back.  Pure; used by every process.
 *
 * One client has one spelling: an IPv4 peer of a dual-stack socket arrives as
 * ::ffff:192.0.2.1 (RFC 4291 section 2.5.5.2) and is treated as 192.0.2.1 by
 * all that looks at the bytes, or access lists could be walked around.
 */
#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/addr.h"
#include "common/check.h"
#include "common/number.h"

#define IP4_BYTES 4
#define IP6_BYTES 16

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

/* A terminated copy; false when it cannot be an address. */
static bool
to_text(struct slice s, char out[INET6_ADDRSTRLEN])
{
	if (s.len == 0 || s.len >= INET6_ADDRSTRLEN ||
	    memchr(s.p, '\0', s.len) != NULL)
		return false;
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return true;
}

struct addr
addr_from_ip4(const void *ip, const void *port)
{
	struct addr a = { .len = sizeof(a.u.in) };

	a.u.in.sin_family = AF_INET;
	memcpy(&a.u.in.sin_addr, ip, IP4_BYTES);
	memcpy(&a.u.in.sin_port, port, 2);
	return a;
}

struct addr
addr_from_ip6(const void *ip, const void *port)
{
	struct addr a = { .len = sizeof(a.u.in6) };

	a.u.in6.sin6_family = AF_INET6;
	memcpy(&a.u.in6.sin6_addr, ip, IP6_BYTES);
	memcpy(&a.u.in6.sin6_port, port, 2);
	return a;
}

static bool
parse_ip(int family, struct slice s, uint16_t port, struct addr *out)
{
	const uint16_t wire_port = htons(port);
	char text[INET6_ADDRSTRLEN];
	char ip[IP6_BYTES];

	if (!to_text(s, text) || inet_pton(family, text, ip) != 1)
		return false;
	*out = family == AF_INET ? addr_from_ip4(ip, &wire_port)
				 : addr_from_ip6(ip, &wire_port);
	return true;
}

static bool
parse_unix(struct slice path, struct addr *out)
{
	struct addr a = { 0 };

	if (path.len >= sizeof(a.u.un.sun_path) ||
	    memchr(path.p, '\0', path.len) != NULL)
		return false;
	a.u.un.sun_family = AF_UNIX;
	memcpy(a.u.un.sun_path, path.p, path.len);
	a.len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
	*out = a;
	return true;
}

/* "[...]" without the brackets */
static bool
strip_brackets(struct slice *s)
{
	if (s->len < 2 || s->p[0] != '[' || s->p[s->len - 1] != ']')
		return false;
	*s = slice_first(slice_from(*s, 1), s->len - 2);
	return true;
}

bool
addr_parse_ip(struct slice text, uint16_t port, struct addr *out)
{
	if (strip_brackets(&text))
		return parse_ip(AF_INET6, text, port, out);
	return parse_ip(AF_INET, text, port, out) ||
	       parse_ip(AF_INET6, text, port, out);
}

bool
addr_parse(struct slice text, struct addr *out)
{
	struct slice host;
	uint64_t port;
	size_t colon = text.len;

	if (slice_starts_with(text, SLICE("/")))
		return parse_unix(text, out);
	while (colon > 0 && text.p[colon - 1] != ':')
		colon--;
	if (colon == 0)
		return false;
	host = slice_first(text, colon - 1);
	if (!number_parse(slice_from(text, colon), &port) || port > UINT16_MAX)
		return false;
	if (strip_brackets(&host))
		return parse_ip(AF_INET6, host, (uint16_t)port, out);
	return parse_ip(AF_INET, host, (uint16_t)port, out);
}

/* Network order; NULL and length 0 when it is not an IP address. */
static const uint8_t *
ip_bytes(const struct addr *a, size_t *len)
{
	const uint8_t *b;

	*len = 0;
	if (a->len == 0)
		return NULL;
	if (a->u.sa.sa_family == AF_INET) {
		*len = IP4_BYTES;
		return (const uint8_t *)&a->u.in.sin_addr;
	}
	if (a->u.sa.sa_family != AF_INET6)
		return NULL;
	b = a->u.in6.sin6_addr.s6_addr;
	if (memcmp(b, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		*len = IP4_BYTES;
		return b + sizeof(mapped_prefix);
	}
	*len = IP6_BYTES;
	return b;
}

static const char *
format_unix(const struct addr *a, char out[ADDR_TEXT_MAX])
{
	size_t room = (size_t)a->len - offsetof(struct sockaddr_un, sun_path);
	const char *path = a->u.un.sun_path;

	/* unnamed peers have no path, abstract ones start with a null */
	if (a->len <= offsetof(struct sockaddr_un, sun_path) || *path == '\0')
		snprintf(out, ADDR_TEXT_MAX, "unix:");
	else
		snprintf(out, ADDR_TEXT_MAX, "%.*s", (int)room, path);
	return out;
}

const char *
addr_format_ip(const struct addr *a, char out[ADDR_TEXT_MAX])
{
	size_t len;
	const uint8_t *b = ip_bytes(a, &len);

	if (addr_is_unix(a))
		return format_unix(a, out);
	if (b == NULL || inet_ntop(len == IP4_BYTES ? AF_INET : AF_INET6, b,
			     out, ADDR_TEXT_MAX) == NULL)
		snprintf(out, ADDR_TEXT_MAX, "unknown");
	return out;
}

const char *
addr_format(const struct addr *a, char out[ADDR_TEXT_MAX])
{
	char ip[ADDR_TEXT_MAX];
	size_t len;

	addr_format_ip(a, ip);
	if (ip_bytes(a, &len) == NULL)
		memcpy(out, ip, sizeof(ip));
	else
		snprintf(out, ADDR_TEXT_MAX,
		    len == IP4_BYTES ? "%.48s:%u" : "[%.48s]:%u", ip,
		    addr_port(a));
	return out;
}

struct addr_ip
addr_to_ip(const struct addr *a)
{
	struct addr_ip out = { .len = a->len };

	if (addr_is_unix(a))
		out.len = sizeof(out.u.sa.sa_family);
	CHECK(out.len <= sizeof(out.u));
	memcpy(&out.u, &a->u, out.len);
	return out;
}

struct addr
addr_from_ip(const struct addr_ip *a)
{
	struct addr out = { .len = a->len };

	memcpy(&out.u, &a->u, a->len);
	return out;
}

uint16_t
addr_port(const struct addr *a)
{
	if (a->len == 0)
		return 0;
	if (a->u.sa.sa_family == AF_INET)
		return ntohs(a->u.in.sin_port);
	if (a->u.sa.sa_family == AF_INET6)
		return ntohs(a->u.in6.sin6_port);
	return 0;
}

bool
addr_is_unix(const struct addr *a)
{
	return a->len > 0 && a->u.sa.sa_family == AF_UNIX;
}

bool
addr_is_loopback(const struct addr *a)
{
	size_t len;
	const uint8_t *b = ip_bytes(a, &len);

	if (b == NULL)
		return false;
	if (len == IP4_BYTES)
		return b[0] == 127;
	return memcmp(b, &in6addr_loopback, IP6_BYTES) == 0;
}

bool
addr_eq(const struct addr *a, const struct addr *b)
{
	size_t a_len, b_len;
	const uint8_t *a_ip = ip_bytes(a, &a_len);
	const uint8_t *b_ip = ip_bytes(b, &b_len);

	if (a_ip == NULL || b_ip == NULL)
		return a->len == b->len && memcmp(&a->u, &b->u, a->len) == 0;
	return a_len == b_len && memcmp(a_ip, b_ip, a_len) == 0 &&
	       addr_port(a) == addr_port(b);
}

/* Whether the bits behind the first n are all zero. */
static bool
is_zero_behind(const uint8_t *b, size_t len, unsigned n)
{
	for (unsigned i = n; i < len * 8; i++)
		if ((b[i / 8] >> (7 - i % 8) & 1) != 0)
			return false;
	return true;
}

bool
cidr_parse(struct slice text, struct cidr *out)
{
	size_t slash = slice_find(text, '/');
	uint64_t bits;
	const uint8_t *b;
	size_t len;
	struct cidr c;

	if (!addr_parse_ip(slice_first(text, slash), 0, &c.net))
		return false;
	b = ip_bytes(&c.net, &len);
	bits = c.net.u.sa.sa_family == AF_INET ? IP4_BYTES * 8 : IP6_BYTES * 8;
	if (slash < text.len) {
		uint64_t most = bits;

		if (!number_parse(slice_from(text, slash + 1), &bits) ||
		    bits > most)
			return false;
	}
	/* "::ffff:10.0.0.0/104" is 10.0.0.0/8 */
	if (c.net.u.sa.sa_family == AF_INET6 && len == IP4_BYTES) {
		if (bits < sizeof(mapped_prefix) * 8)
			return false;
		bits -= sizeof(mapped_prefix) * 8;
	}
	if (!is_zero_behind(b, len, (unsigned)bits))
		return false;
	c.bits = (unsigned)bits;
	*out = c;
	return true;
}

bool
cidr_matches(const struct cidr *c, const struct addr *a)
{
	size_t net_len, len;
	const uint8_t *net = ip_bytes(&c->net, &net_len);
	const uint8_t *b = ip_bytes(a, &len);
	unsigned whole = c->bits / 8;
	unsigned rest = c->bits % 8;

	if (net == NULL || b == NULL || net_len != len)
		return false;
	if (memcmp(net, b, whole) != 0)
		return false;
	return rest == 0 || (net[whole] ^ b[whole]) >> (8 - rest) == 0;
}
