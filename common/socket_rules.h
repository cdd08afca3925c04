/*
 * Which sockets a child may make once it is locked up, for its sandbox.  To
 * which ports TCP may go is said beside it.
 */
#ifndef COMMON_SOCKET_RULES_H
#define COMMON_SOCKET_RULES_H

#include "common/sandbox.h"

#define SOCKET_RULES_MAX 4

enum socket_need {
	SOCKET_NEED_UNIX,  /* of the other daemon, and no others */
	SOCKET_NEED_TCP,   /* to servers, too */
	SOCKET_NEED_NAMES, /* and what it takes to look up their names */
};

/* Returns how many; "socket" must not be allowed without conditions then. */
size_t
socket_rules(enum socket_need need, struct sandbox_only out[SOCKET_RULES_MAX]);

#endif
