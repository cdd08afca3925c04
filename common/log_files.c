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

/* False: there is none. */
static bool
look_at_syslog(struct log_mark *m)
{
	struct stat st;

	if (stat(LOG_SYSLOG_PATH, &st) < 0)
		return false;
	*m = (struct log_mark){ st.st_dev, st.st_ino, st.st_ctim };
	return true;
}

bool
log_files_open(struct log_files *l, const struct plan *p, const char **error)
{
	enum log_kind kind;

	l->n_access = 0;
	l->syslog = (struct log_mark){ 0 };
	/* before we connect: if it changes in between we look once more */
	(void)look_at_syslog(&l->syslog);
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

bool
log_files_are_stale(const struct log_files *l)
{
	const struct log_mark *was = &l->syslog;
	struct log_mark is;

	return l->kind == LOG_TO_SYSLOG && look_at_syslog(&is) &&
	       (is.dev != was->dev || is.ino != was->ino ||
		   is.changed.tv_sec != was->changed.tv_sec ||
		   is.changed.tv_nsec != was->changed.tv_nsec);
}
