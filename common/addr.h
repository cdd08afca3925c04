/*
 * Where to listen, whom to connect to, who is there: IPv4, IPv6 and Unix
 * socket addresses as text and as sockaddr.  Pure: never asks a name server.
 */
#ifndef COMMON_ADDR_H
#define COMMON_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/slice.h"

struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} u;
	socklen_t len; /* 0: no address */
};

/* An address to be kept in large numbers: without the path of a Unix socket. */
struct addr_ip {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
	socklen_t len; /* 0: no address */
};

struct addr_ip addr_to_ip(const struct addr *a);
struct addr addr_from_ip(const struct addr_ip *a);

#define ADDR_TEXT_MAX 128 /* the longest Unix path is 107 bytes */

/*
 * "192.0.2.1:443", "[2001:db8::1]:443", "/run/x.sock".  False for anything
 * else, host names included.
 */
bool addr_parse(struct slice text, struct addr *out);
/* "192.0.2.1" or "2001:db8::1" or "[2001:db8::1]"; port as given. */
bool addr_parse_ip(struct slice text, uint16_t port, struct addr *out);
/* From the wire: 4 or 16 bytes of address and 2 of port, in network order. */
struct addr addr_from_ip4(const void *ip, const void *port);
struct addr addr_from_ip6(const void *ip, const void *port);
/*
 * With port: "192.0.2.1:443", "[2001:db8::1]:443"; without: "192.0.2.1",
 * "2001:db8::1".  Unix: the path, "unix:" when there is none.  No address:
 * "unknown".  An IPv4 address mapped into IPv6 is written as IPv4, and is one
 * for addr_is_loopback(), addr_eq() and cidr_matches().  Returns out.
 */
const char *addr_format(const struct addr *a, char out[ADDR_TEXT_MAX]);
const char *addr_format_ip(const struct addr *a, char out[ADDR_TEXT_MAX]);
uint16_t addr_port(const struct addr *a);
bool addr_is_unix(const struct addr *a);
bool addr_is_loopback(const struct addr *a);
bool addr_eq(const struct addr *a, const struct addr *b); /* port included */

struct cidr {
	struct addr net;
	unsigned bits;
};
/*
 * "10.0.0.0/8", "2001:db8::/32"; a bare address is that one alone.  False
 * also when bits behind the prefix are set: "10.1.0.0/8" is a slip of the pen.
 */
bool cidr_parse(struct slice text, struct cidr *out);
bool cidr_matches(const struct cidr *c, const struct addr *a);

#endif
