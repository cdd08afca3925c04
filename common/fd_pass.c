/*
 * Messages with descriptors over a SOCK_SEQPACKET socket.  Runs in the master
 * and in its children.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "common/fd_pass.h"

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
};

bool
fd_pass_send(int sock, struct slice message, const int *fds, unsigned n_fds)
{
	struct iovec iov = { (void *)message.p, message.len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	size_t len_bytes = n_fds * sizeof(int);

	CHECK(n_fds <= FD_PASS_MAX);
	if (n_fds > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(len_bytes);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(len_bytes);
		memcpy(CMSG_DATA(c), fds, len_bytes);
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)message.len;
}

static unsigned
take_fds(struct msghdr *msg, int *fds, unsigned max_fds)
{
	unsigned n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
	     c = CMSG_NXTHDR(msg, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (n < max_fds)
				fds[n++] = fd;
			else
				close(fd);
		}
	}
	return n;
}

static bool
wait_readable(int sock)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };

	return poll(&p, 1, -1) > 0 || errno == EINTR;
}

ssize_t
fd_pass_receive(int sock, char *out, size_t room_bytes, int *fds,
    unsigned max_fds, unsigned *n_fds, bool wait)
{
	struct iovec iov = { out, room_bytes };
	union control control;

	*n_fds = 0;
	for (;;) {
		struct msghdr msg = { .msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control.space,
			.msg_controllen = sizeof(control.space) };
		ssize_t n =
		    recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (n >= 0) {
			*n_fds = take_fds(&msg, fds, max_fds);
			return n;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || !wait || !wait_readable(sock))
			return -1;
	}
}
