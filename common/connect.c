/*
 * Connecting a stream socket without waiting for it.  Runs in the children
 * that have a loop.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/connect.h"

int
connect_begin(const struct addr *a)
{
	const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = socket(a->u.sa.sa_family, type, 0);
	int on = 1;
	int error;

	if (fd < 0)
		return -1;
	if (!addr_is_unix(a))
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, &a->u.sa, a->len) == 0 || errno == EINPROGRESS)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

int
connect_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return errno;
	return error;
}
