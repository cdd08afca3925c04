/*
 * What the service manager is told.  Runs in the master.
 *
 * The protocol is a line or two of text in a datagram (sd_notify(3)); done by
 * hand, it saves a library.  A manager that does not listen is no reason to
 * fail.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd_pass.h"
#include "common/ready.h"

static struct sockaddr_un manager;
static socklen_t manager_len; /* 0: nobody asked */

void
ready_init(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path != NULL ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(manager.sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return;
	manager.sun_family = AF_UNIX;
	memcpy(manager.sun_path, path, len);
	/* abstract: '@' stands for NUL, and the length ends the name */
	if (path[0] == '@')
		manager.sun_path[0] = '\0';
	else
		len++;
	manager_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	unsetenv("NOTIFY_SOCKET");
}

static void
send_text(const char *text)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL,
	    (struct sockaddr *)&manager, manager_len);
	close(fd);
}

/* FDSTORE, sd_pid_notify_with_fds(3) */
void
ready_keep(int fd, const char *name)
{
	char text[80];
	int sock;

	if (manager_len == 0)
		return;
	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	send_text(text);
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return;
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", name);
	if (connect(sock, (struct sockaddr *)&manager, manager_len) == 0)
		(void)fd_pass_send(sock, slice_of(text), &fd, 1);
	close(sock);
}

void
ready_tell(enum ready_event event)
{
	char text[80];

	if (manager_len == 0)
		return;
	switch (event) {
	case READY_UP:
		send_text("READY=1");
		break;
	case READY_RELOADING:
		snprintf(text, sizeof(text),
		    "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		    clock_monotonic_us());
		send_text(text);
		break;
	case READY_STOPPING:
		send_text("STOPPING=1");
		break;
	}
}
