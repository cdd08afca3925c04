/*
 * Access logs.  Runs in the worker; made at start, lives as long as the
 * process.
 *
 * A line waits at most FLUSH_MS, or until FLUSH_BYTES are there; where a pipe
 * is full it is tried again and again, every FLUSH_MS.  The files are opened
 * for appending, so a write of whole lines lands in one piece beside those of
 * other workers; of a pipe that is true of PIPE_BUF bytes.  When the disk is
 * full or the pipe's reader slow, lines are thrown away and counted in the
 * error log, which says so once in a second: a log never stops the traffic,
 * and never grows without bound.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
/* the default hash falls through its cases, which clang warns of */
#define HASH_FUNCTION HASH_FNV
#include <uthash.h>

#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "rproxy/access_log.h"

#define FLUSH_BYTES 4096
#define FLUSH_MS 100
#define HELD_MAX (256u * 1024)
#define SECOND_MS 1000

struct log_file {
	int fd; /* owned, -1: none */
	bool is_pipe;
	bool is_cut; /* its last line has no end */
	struct buf lines;
};

struct site_file {
	const struct site_conf *site; /* borrowed; the key */
	int file;
	UT_hash_handle hh;
};

struct access_log {
	const struct rproxy_config *config; /* borrowed */
	struct log_file *file;              /* owned, n */
	unsigned n;
	struct site_file *sites; /* owned, by site */
	struct deadline flush;
	struct deadline second; /* set: a loss has just been told */
	size_t lost_bytes;      /* since then */
	int lost_errno;         /* why the last of them */
};

static void
set_fd(struct log_file *f, int fd)
{
	f->fd = fd;
	f->is_pipe = fcntl(fd, F_GETPIPE_SZ) > 0;
	f->is_cut = false;
}

static void
tell_loss(struct access_log *l)
{
	log_error("access log: %s: %zu bytes are lost", strerror(l->lost_errno),
	    l->lost_bytes);
	l->lost_bytes = 0;
	deadline_set(&l->second, SECOND_MS);
}

static void
on_second(struct deadline *d)
{
	struct access_log *l = container_of(d, struct access_log, second);

	if (l->lost_bytes > 0)
		tell_loss(l);
}

static void
lose(struct access_log *l, struct log_file *f, int why)
{
	l->lost_bytes += buf_len(&f->lines);
	l->lost_errno = why;
	buf_consume(&f->lines, buf_len(&f->lines));
	if (!deadline_is_set(&l->second))
		tell_loss(l);
}

/*
 * Whole lines that a pipe takes in one piece or not at all, so that those of
 * other workers do not come between.  Of a longer line nobody promises that.
 */
static size_t
piece_len(const struct log_file *f, struct slice s)
{
	const char *end;

	if (!f->is_pipe || s.len <= PIPE_BUF)
		return s.len;
	end = memrchr(s.p, '\n', PIPE_BUF);
	if (end == NULL)
		end = memchr(s.p, '\n', s.len);
	return end != NULL ? (size_t)(end - s.p) + 1 : s.len;
}

/* A short write is continued; after EAGAIN the rest waits. */
static void
file_flush(struct access_log *l, struct log_file *f)
{
	while (buf_len(&f->lines) > 0) {
		struct slice s = buf_slice(&f->lines);
		ssize_t n = write(f->fd, s.p, piece_len(f, s));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && s.len < HELD_MAX)
			return;
		if (n < 0) {
			lose(l, f, errno);
			return;
		}
		if (n > 0)
			f->is_cut = s.p[n - 1] != '\n';
		buf_consume(&f->lines, (size_t)n);
	}
}

void
access_log_flush(struct access_log *l)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->file[i].fd >= 0)
			file_flush(l, &l->file[i]);
}

void
access_log_end(struct access_log *l)
{
	access_log_flush(l);
	for (unsigned i = 0; i < l->n; i++)
		if (buf_len(&l->file[i].lines) > 0)
			lose(l, &l->file[i], EAGAIN);
	if (l->lost_bytes > 0)
		tell_loss(l);
}

static void
flush_later(struct access_log *l)
{
	if (!deadline_is_set(&l->flush))
		deadline_set(&l->flush, FLUSH_MS);
}

static void
on_flush(struct deadline *d)
{
	struct access_log *l = container_of(d, struct access_log, flush);

	access_log_flush(l);
	for (unsigned i = 0; i < l->n; i++)
		if (buf_len(&l->file[i].lines) > 0)
			flush_later(l);
}

struct access_log *
access_log_new(const struct rproxy_config *config, const int *fd, unsigned n_fd,
    struct deadlines *deadlines)
{
	struct access_log *l = mem_need(sizeof(*l));

	l->config = config;
	l->n = n_fd;
	l->file = mem_need((n_fd + 1) * sizeof(*l->file));
	for (unsigned i = 0; i < n_fd; i++)
		set_fd(&l->file[i], fd[i]);
	for (size_t i = 0; i < config->sites.n; i++) {
		struct site_file *s = mem_need(sizeof(*s));
		s->site = config->sites.v[i];
		s->file = rproxy_config_site_access_log(config, s->site);
		HASH_ADD_PTR(l->sites, site, s);
	}
	deadline_init(&l->flush, deadlines, on_flush);
	deadline_init(&l->second, deadlines, on_second);
	return l;
}

int
access_log_for(const struct access_log *l, const struct site_conf *site)
{
	struct site_file *s;

	if (l->n == 0)
		return -1;
	if (site == NULL)
		return l->config->access_log != NULL ? 0 : -1;
	HASH_FIND_PTR(l->sites, &site, s);
	return s != NULL && s->file < (int)l->n ? s->file : -1;
}

void
access_log_add(struct access_log *l, int file, const struct access_entry *e)
{
	struct log_file *f = &l->file[file];
	size_t before = buf_len(&f->lines);

	if (f->fd < 0)
		return;
	/* the rest of the line before was lost */
	if (before == 0 && f->is_cut)
		(void)buf_append(&f->lines, "\n", 1, 1);
	if (before < HELD_MAX &&
	    !access_line_write(&f->lines, l->config->access_log_format, e))
		buf_shorten(&f->lines, before); /* no half lines */
	if (buf_len(&f->lines) >= FLUSH_BYTES)
		file_flush(l, f);
	if (buf_len(&f->lines) > 0)
		flush_later(l);
}

void
access_log_replace(struct access_log *l, unsigned file, int fd)
{
	if (file >= l->n) {
		(void)close(fd);
		return;
	}
	struct log_file *f = &l->file[file];
	if (f->fd >= 0) {
		file_flush(l, f);
		(void)close(f->fd);
	}
	set_fd(f, fd);
}
