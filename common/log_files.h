/*
 * The open log files of one generation: the error log and the access logs.
 * Runs in the master, which opens them for its children.
 */
#ifndef COMMON_LOG_FILES_H
#define COMMON_LOG_FILES_H

#include <stdbool.h>

#include <sys/stat.h>

#include "common/child.h"
#include "common/plan.h"

/* Which file a path was; all zero: none. */
struct log_mark {
	dev_t dev;
	ino_t ino;
	struct timespec changed;
};

struct log_files {
	enum log_kind kind;
	struct log_mark syslog;        /* its socket, where the kind is that */
	int error_fd;                  /* owned, -1: not open */
	int access_fd[CHILD_MAX_LOGS]; /* owned, in the plan's order */
	unsigned n_access;
};

/*
 * Opens everything that the plan names.  False: nothing is open, *error is a
 * text valid until the next call.
 */
bool
log_files_open(struct log_files *l, const struct plan *p, const char **error);
void log_files_close(struct log_files *l);
/*
 * Syslog's daemon has made its socket anew since: what is written to the one
 * that we hold is lost.
 */
bool log_files_are_stale(const struct log_files *l);

#endif
