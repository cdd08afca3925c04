/*
 * Turns the monotonic clock of a daemon on: preloaded, it adds the seconds
 * that stand in the file CLOCK_SHIM_FILE.  A child whose sandbox does not let
 * it open the file keeps the true time.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long
seconds_to_add(void)
{
	const char *path = getenv("CLOCK_SHIM_FILE");
	char text[24] = "";
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return atol(text);
}

int
clock_gettime(clockid_t id, struct timespec *t)
{
	long rc = syscall(SYS_clock_gettime, id, t);

	if (rc == 0 && (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE))
		t->tv_sec += seconds_to_add();
	return (int)rc;
}
