/*
 * PROXY protocol version 1.  Pure; runs in the worker of tlsd.
 *
 *	"PROXY TCP4 192.0.2.1 198.51.100.1 50000 443\r\n"
 *	"PROXY TCP6 2001:db8::1 2001:db8::2 50000 443\r\n"
 *	"PROXY UNKNOWN ...\r\n"
 *
 * Strict: one blank between fields, ports without leading zeros, addresses of
 * the family that is named.
 */
#include <string.h>

#include "common/number.h"
#include "common/proxy_v1.h"

#define PORT_MAX 65535
#define FIELDS 6

static bool
parse_port(struct slice s, uint16_t *port)
{
	uint64_t n;

	if (s.len == 0 || (s.len > 1 && s.p[0] == '0') ||
	    !number_parse(s, &n) || n > PORT_MAX)
		return false;
	*port = (uint16_t)n;
	return true;
}

static bool
parse_end(
    struct slice ip, struct slice port, sa_family_t family, struct addr *out)
{
	uint16_t n;

	/* brackets belong to URLs, not here */
	return parse_port(port, &n) && ip.len > 0 && ip.p[0] != '[' &&
	       addr_parse_ip(ip, n, out) && out->u.sa.sa_family == family;
}

static const char *
decode_line(struct slice line, struct proxy_v1 *out)
{
	struct slice field[FIELDS] = { SLICE_NONE };
	sa_family_t family;
	size_t n = 0;

	memset(out, 0, sizeof(*out));
	while (n < FIELDS && slice_split(&line, ' ', &field[n]))
		n++;
	if (slice_eq(field[1], SLICE("UNKNOWN")))
		return NULL; /* whatever follows */
	if (n != FIELDS || line.p != NULL)
		return "not the six fields of TCP4 and TCP6";
	if (!slice_eq(field[1], SLICE("TCP4")) &&
	    !slice_eq(field[1], SLICE("TCP6")))
		return "unknown protocol";
	family = field[1].p[3] == '4' ? AF_INET : AF_INET6;
	if (!parse_end(field[2], field[4], family, &out->src) ||
	    !parse_end(field[3], field[5], family, &out->dst))
		return "bad address or port";
	out->is_known = true;
	return NULL;
}

enum proxy_v1_verdict
proxy_v1_decode(struct slice in, struct proxy_v1 *out, size_t *used_bytes,
    const char **reason)
{
	static const char start[] = "PROXY ";
	size_t known = in.len < sizeof(start) - 1 ? in.len : sizeof(start) - 1;
	struct slice head = slice_first(in, PROXY_V1_MAX);
	size_t n = slice_find(head, '\n');

	*reason = "does not begin with PROXY";
	if (memcmp(in.p, start, known) != 0)
		return PROXY_V1_BAD;
	*reason = "the line has no end";
	if (n == head.len)
		return in.len < PROXY_V1_MAX ? PROXY_V1_MORE : PROXY_V1_BAD;
	*reason = "the line does not end with CR LF";
	if (n == 0 || head.p[n - 1] != '\r')
		return PROXY_V1_BAD;
	*reason = decode_line(slice_first(head, n - 1), out);
	*used_bytes = n + 1;
	return *reason == NULL ? PROXY_V1_DONE : PROXY_V1_BAD;
}
