/*
 * Files that may change while a generation serves.  Runs in the master, owned
 * by a generation.
 *
 * They are asked with stat() instead of watched with inotify: that also sees
 * a file renamed into place, a link that is turned, and a file on another
 * machine, with one way to go wrong less.  A file that is caught half written
 * changes once more when it is whole.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bundle.h"
#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/watched_files.h"

#define LOOK_EVERY_MS 2000

/* What differs when the contents do; zero for a file that is not there. */
struct mark {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec modified;
	struct timespec changed;
};

struct watched_files {
	char *const *path; /* borrowed from the plan */
	unsigned n;
	struct mark *mark; /* owned */
	int fd;            /* owned; -1: none */
	struct deadline look;
	void (*on_change)(void *ctx);
	void *ctx;
};

static struct mark
mark_of(const char *path)
{
	struct mark m;
	struct stat st;

	memset(&m, 0, sizeof(m)); /* padding too: it is compared */
	if (stat(path, &st) < 0)
		return m;
	m.dev = st.st_dev;
	m.ino = st.st_ino;
	m.size = st.st_size;
	m.modified = st.st_mtim;
	m.changed = st.st_ctim;
	return m;
}

/* True when one of them is not as it was. */
static bool
look(struct watched_files *w)
{
	bool has_changed = false;

	for (unsigned i = 0; i < w->n; i++) {
		struct mark m = mark_of(w->path[i]);

		if (memcmp(&m, &w->mark[i], sizeof(m)) == 0)
			continue;
		w->mark[i] = m;
		has_changed = true;
	}
	return has_changed;
}

static void
make_bundle(struct watched_files *w)
{
	struct bundle *b = bundle_new();
	struct slice ignored;
	const char *error;

	for (unsigned i = 0; i < w->n; i++)
		if (!bundle_read(b, w->path[i], &ignored, &error))
			log_warning("%s: %s; what it held before stays in use",
			    w->path[i], error);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = bundle_seal(b);
	if (w->fd < 0)
		log_error("files cannot be handed on: %s", strerror(errno));
	bundle_free(b);
}

static void
on_look(struct deadline *d)
{
	struct watched_files *w = container_of(d, struct watched_files, look);

	deadline_set(&w->look, LOOK_EVERY_MS);
	if (!look(w))
		return;
	make_bundle(w);
	w->on_change(w->ctx);
}

struct watched_files *
watched_files_new(struct deadlines *wheel, char *const *path, unsigned n,
    void (*on_change)(void *ctx), void *ctx)
{
	struct watched_files *w = mem_need(sizeof(*w));

	w->path = path;
	w->n = n;
	w->mark = mem_need((n + 1) * sizeof(*w->mark));
	w->fd = -1;
	w->on_change = on_change;
	w->ctx = ctx;
	deadline_init(&w->look, wheel, on_look);
	if (n == 0)
		return w;
	(void)look(w);
	make_bundle(w);
	deadline_set(&w->look, LOOK_EVERY_MS);
	return w;
}

void
watched_files_free(struct watched_files *w)
{
	if (w == NULL)
		return;
	deadline_fini(&w->look);
	if (w->fd >= 0)
		close(w->fd);
	mem_free(w->mark);
	mem_free(w);
}

int
watched_files_fd(const struct watched_files *w)
{
	return w->fd;
}
