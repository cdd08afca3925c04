/*
 * Which sockets a child may make once it is locked up.
 */
#include "common/socket_rules.h"

#include <string.h>
#include <sys/socket.h>

#include "common/check.h"

#define FAMILY(number, more)                                                   \
	{                                                                      \
		.call = "socket", .argument = 0, .mask = UINT64_MAX,           \
		.value = (number), .and = (more)                               \
	}

/*
 * Each family's own protocol alone.  The kernel's rules about ports are for
 * TCP, and MPTCP is no TCP to them: a connection by it goes anywhere, and to
 * servers that have never heard of it.
 */
static const struct sandbox_only is_usual = {
	.argument = 2, .mask = UINT32_MAX, .value = 0
};

/* No datagrams: they go anywhere, and no rule is about their ports. */
static const struct sandbox_only is_stream = { .argument = 1,
	.mask = ~(uint64_t)(SOCK_NONBLOCK | SOCK_CLOEXEC),
	.value = SOCK_STREAM,
	.and = &is_usual };

static const struct sandbox_only unix_alone[] = { FAMILY(AF_UNIX, NULL) };

static const struct sandbox_only tcp[] = { FAMILY(AF_UNIX, NULL),
	FAMILY(AF_INET, &is_stream), FAMILY(AF_INET6, &is_stream) };

/* Name servers are asked by datagrams, the kernel for our own addresses. */
static const struct sandbox_only names[] = { FAMILY(AF_UNIX, NULL),
	FAMILY(AF_INET, &is_usual), FAMILY(AF_INET6, &is_usual),
	FAMILY(AF_NETLINK, &is_usual) };

static size_t
put(struct sandbox_only *out, const struct sandbox_only *rules, size_t n)
{
	_Static_assert(ARRAY_LEN(names) <= SOCKET_RULES_MAX, "no room");
	memcpy(out, rules, n * sizeof(*rules));
	return n;
}

size_t
socket_rules(enum socket_need need, struct sandbox_only out[SOCKET_RULES_MAX])
{
	switch (need) {
	case SOCKET_NEED_UNIX:
		return put(out, unix_alone, ARRAY_LEN(unix_alone));
	case SOCKET_NEED_TCP:
		return put(out, tcp, ARRAY_LEN(tcp));
	case SOCKET_NEED_NAMES:
		return put(out, names, ARRAY_LEN(names));
	}
	return 0;
}
