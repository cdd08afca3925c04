/*
 * The error log: one line per event, to a descriptor that the master opened.
 * Runs in every process.  A line is
 *
 *	2026-11-23T14:35:10.123Z tlsd[worker 0 gen 1] warning: text
 *
 * and to syslog "tlsd[PID]: [worker 0 gen 1] warning: text".  Control
 * characters and non-ASCII from outside are written as \xNN.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

enum log_kind {
	LOG_TO_STREAM, /* stderr or a file: lines with time */
	LOG_TO_SYSLOG, /* a connected datagram socket */
};

/*
 * Before this call, lines go to standard error at level info.  daemon is
 * borrowed for ever; fd is owned from here on.  May be called again: the
 * descriptor from before is closed.
 */
void
log_init(const char *daemon, enum log_kind kind, int fd, enum log_level level);
/* "worker 0 gen 1"; copied */
void log_set_process(const char *process);
/* After USR1: the descriptor is replaced, the old one closed. */
void log_reopen(int fd);
enum log_level log_get_level(void);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The machine failed us at start: logs and exits with 1. */
_Noreturn void
fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define LOG_SYSLOG_PATH "/dev/log"

/* Opens "stderr", "syslog" or a path for appending; -1 and errno. */
int log_open(const char *where, enum log_kind *kind);

#endif
