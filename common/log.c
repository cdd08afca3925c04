/*
 * The error log.  Runs in every process.
 *
 * One line is one write(), so that lines of several processes on one file or
 * pipe never mix; nothing is kept back and nothing waits: a line that the
 * other end does not take (a full pipe, a syslog that is away) is lost.
 * What comes from outside is made harmless here, once, for all callers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"

#define TEXT_MAX 2048       /* bytes of one message before it is escaped */
#define LINE_MAX_BYTES 4096 /* PIPE_BUF: what a pipe takes in one piece */

static struct {
	const char *daemon; /* borrowed, constant */
	char process[48];
	enum log_kind kind;
	enum log_level level;
	int fd; /* owned, but for standard error */
	pid_t pid;
} the_log = {
	.daemon = "",
	.kind = LOG_TO_STREAM,
	.level = LOG_LEVEL_INFO,
	.fd = STDERR_FILENO,
};

static const struct {
	const char *name;
	int priority; /* facility daemon (3), RFC 5424 section 6.2.1 */
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", 3 << 3 | 3 },
	[LOG_LEVEL_WARNING] = { "warning", 3 << 3 | 4 },
	[LOG_LEVEL_INFO] = { "info", 3 << 3 | 6 },
	[LOG_LEVEL_DEBUG] = { "debug", 3 << 3 | 7 },
};

static void
close_unless_stderr(int fd)
{
	if (fd >= 0 && fd != STDERR_FILENO)
		close(fd);
}

void
log_init(const char *daemon, enum log_kind kind, int fd, enum log_level level)
{
	int old = the_log.fd;

	the_log.daemon = daemon;
	the_log.kind = kind;
	the_log.level = level;
	the_log.fd = fd;
	the_log.pid = getpid();
	if (old != fd)
		close_unless_stderr(old);
}

void
log_set_process(const char *process)
{
	snprintf(the_log.process, sizeof(the_log.process), "%s", process);
}

void
log_reopen(int fd)
{
	int old = the_log.fd;

	the_log.fd = fd;
	if (old != fd)
		close_unless_stderr(old);
}

enum log_level
log_get_level(void)
{
	return the_log.level;
}

/* Control characters and non-ASCII as \xNN; returns the length written. */
static size_t
escape(const char *text, char *out, size_t room_bytes)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (; *text != '\0' && n + 4 <= room_bytes; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c < 0x7f) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	return n;
}

static size_t
format_prefix(char *out, size_t room_bytes, enum log_level level)
{
	const char *open = the_log.process[0] != '\0' ? "[" : "";
	const char *close = the_log.process[0] != '\0' ? "]" : "";
	int n;

	if (the_log.kind == LOG_TO_SYSLOG) {
		n = snprintf(out, room_bytes,
		    "<%d>%s[%ld]: %s%s%s %s: ", levels[level].priority,
		    the_log.daemon, (long)the_log.pid, open, the_log.process,
		    close, levels[level].name);
	} else {
		struct slice now = clock_rfc3339(clock_now_ms());

		n = snprintf(out, room_bytes,
		    "%.*s %s%s%s%s%s%s: ", SLICE_FMT(now), the_log.daemon, open,
		    the_log.process, close,
		    the_log.daemon[0] != '\0' ? " " : "", levels[level].name);
	}
	CHECK(n > 0 && (size_t)n < room_bytes);
	return (size_t)n;
}

static void __attribute__((format(printf, 2, 0)))
write_line(enum log_level level, const char *fmt, va_list ap)
{
	char text[TEXT_MAX];
	char line[LINE_MAX_BYTES];
	int saved_errno = errno;
	size_t n;

	if (level > the_log.level)
		return;
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		return;
	n = format_prefix(line, sizeof(line), level);
	n += escape(text, line + n, sizeof(line) - n - 1);
	if (the_log.kind == LOG_TO_STREAM)
		line[n++] = '\n';
	if (write(the_log.fd, line, n) < 0) {
		/* there is nobody left to tell */
	}
	errno = saved_errno;
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(LOG_LEVEL_ERROR, fmt, ap);
	va_end(ap);
}

void
log_warning(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(LOG_LEVEL_WARNING, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(LOG_LEVEL_INFO, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(LOG_LEVEL_DEBUG, fmt, ap);
	va_end(ap);
}

_Noreturn void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(LOG_LEVEL_ERROR, fmt, ap);
	va_end(ap);
	exit(1);
}

static int
open_syslog(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX,
		.sun_path = LOG_SYSLOG_PATH };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		int saved_errno = errno;

		close(fd);
		errno = saved_errno;
		return -1;
	}
	return fd;
}

int
log_open(const char *where, enum log_kind *kind)
{
	*kind = LOG_TO_STREAM;
	if (strcmp(where, "stderr") == 0)
		return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (strcmp(where, "syslog") == 0) {
		*kind = LOG_TO_SYSLOG;
		return open_syslog();
	}
	/* of a pipe neither the opening waits for a reader nor the writing */
	return open(where,
	    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
	    0640);
}
