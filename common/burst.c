/*
 * How many bytes TCP should be given at a time.  Runs in the workers, at
 * their start.
 */
#include "common/burst.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* three records of TLS */
#define PACED_BYTES ((size_t)48 * 1024)

size_t
burst_bytes(void)
{
	char name[16] = "";
	socklen_t len = sizeof(name) - 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return SIZE_MAX;
	(void)getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len);
	(void)close(fd);
	return strncmp(name, "bbr", 3) == 0 ? PACED_BYTES : SIZE_MAX;
}
