/*
 * The open log files of one generation.  Runs in the master.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log_files.h"

static char error_text[512];

static bool
fail(struct log_files *l, const char *path, const char **error)
{
	snprintf(error_text, sizeof(error_text), "log %s: %s", path,
	    errno == ENXIO ? "nobody reads this pipe" : strerror(errno));
	*error = error_text;
	log_files_close(l);
	return false;
}

bool
log_files_open(struct log_files *l, const struct plan *p, const char **error)
{
	enum log_kind kind;

	l->n_access = 0;
	l->error_fd = log_open(p->log, &l->kind);
	if (l->error_fd < 0)
		return fail(l, p->log, error);
	for (unsigned i = 0; i < p->n_access_log; i++) {
		int fd = log_open(p->access_log[i], &kind);

		if (fd < 0)
			return fail(l, p->access_log[i], error);
		l->access_fd[l->n_access++] = fd;
	}
	return true;
}

void
log_files_close(struct log_files *l)
{
	if (l->error_fd >= 0)
		close(l->error_fd);
	l->error_fd = -1;
	for (unsigned i = 0; i < l->n_access; i++)
		close(l->access_fd[i]);
	l->n_access = 0;
}
