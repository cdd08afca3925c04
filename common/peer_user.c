/*
 * Who is at the other end of a Unix socket.  Runs in the workers of both
 * daemons.
 *
 * The mode of the socket's file says the same, and a mistake in it must not be
 * enough.  The credentials are those at the time of connect(): a socket that
 * is handed on keeps them.
 */
#include "common/peer_user.h"

#include <unistd.h>

bool
peer_user_is(int fd, uid_t wanted, struct ucred *peer)
{
	socklen_t len = sizeof(*peer);

	*peer = (struct ucred){ .pid = 0, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &len) != 0)
		return false;
	return peer->uid == wanted || peer->uid == 0 || peer->uid == geteuid();
}
