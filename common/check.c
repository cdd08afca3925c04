/*
 * What happens when CHECK() finds a bug of ours.  Runs in every process.
 *
 * Writes by itself, without stdio and without the log: a process that broke
 * its own rules should touch as little of itself as possible.  abort() rather
 * than exit(): the master sees the signal and counts a crash.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"

static void
say(const char *s)
{
	ssize_t ignored = write(STDERR_FILENO, s, strlen(s));

	(void)ignored;
}

_Noreturn void
check_failed(const char *expr, const char *file, int line)
{
	char digits[12];
	char *p = digits + sizeof(digits);

	*--p = '\0';
	do
		*--p = (char)('0' + line % 10);
	while ((line /= 10) > 0);

	say(file);
	say(":");
	say(p);
	say(": CHECK failed: ");
	say(expr);
	say("\n");
	abort();
}
