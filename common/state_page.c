/*
 * Memory that outlives generations.  Made in the master, mapped in it and in
 * the children that serve.
 *
 * A child gets the descriptor itself only where its role is to write; the
 * others get one that was opened for reading, so that a worker that was broken
 * into cannot make the rest believe anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/state_page.h"

#define MAGIC "state page"
/* a shorter file would end a process that reads behind its end */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

struct header {
	char magic[16];
	char daemon[16];
	uint32_t version;
	_Atomic uint32_t generation;
	uint64_t len_bytes; /* the header's, too */
	uint64_t state[];
};

struct state_page {
	const struct state_desc *desc; /* borrowed, constant */
	struct header *header;         /* owned mapping */
	int fd;                        /* owned */
	int reader_fd;                 /* owned */
};

static size_t
length(const struct state_desc *d)
{
	return sizeof(struct header) + d->len_bytes;
}

/* NULL and errno. */
static struct header *
map(const struct state_desc *d, int fd, int protection)
{
	void *p = mmap(NULL, length(d), protection, MAP_SHARED, fd, 0);

	return p != MAP_FAILED ? p : NULL;
}

static bool
is_whole(const struct state_desc *d, int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &st) == 0 &&
	       (size_t)st.st_size == length(d);
}

static bool
is_ours(const char *daemon, const struct state_desc *d, const struct header *h)
{
	return memcmp(h->magic, MAGIC, sizeof(MAGIC)) == 0 &&
	       strncmp(h->daemon, daemon, sizeof(h->daemon)) == 0 &&
	       h->version == d->version && h->len_bytes == length(d);
}

static struct state_page *
wrap(const struct state_desc *d, int fd, struct header *h)
{
	struct state_page *p = mem_need(sizeof(*p));
	char path[32];

	p->desc = d;
	p->fd = fd;
	p->header = h;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	p->reader_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (p->reader_fd < 0)
		fatal("state page: %s: %s", path, strerror(errno));
	return p;
}

struct state_page *
state_page_new(const char *daemon, const struct state_desc *d)
{
	int fd = memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct header *h;

	if (fd < 0 || ftruncate(fd, (off_t)length(d)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, SEALS) < 0 ||
	    (h = map(d, fd, PROT_READ | PROT_WRITE)) == NULL)
		fatal("state page: %s", strerror(errno));
	memcpy(h->magic, MAGIC, sizeof(MAGIC));
	strncpy(h->daemon, daemon, sizeof(h->daemon) - 1);
	h->version = d->version;
	h->len_bytes = length(d);
	return wrap(d, fd, h);
}

struct state_page *
state_page_adopt(const char *daemon, const struct state_desc *d, int fd)
{
	struct header *h =
	    is_whole(d, fd) ? map(d, fd, PROT_READ | PROT_WRITE) : NULL;

	if (h != NULL && is_ours(daemon, d, h))
		return wrap(d, fd, h);
	if (h != NULL)
		munmap(h, length(d));
	close(fd);
	return NULL;
}

void
state_page_free(struct state_page *p)
{
	if (p == NULL)
		return;
	munmap(p->header, length(p->desc));
	close(p->fd);
	close(p->reader_fd);
	mem_free(p);
}

int
state_page_fd(const struct state_page *p)
{
	return p->fd;
}

int
state_page_reader_fd(const struct state_page *p)
{
	return p->reader_fd;
}

void
state_page_turn(struct state_page *p, uint64_t keep_ms, uint64_t now_ms)
{
	if (p->desc->turn != NULL)
		p->desc->turn(p->header->state, keep_ms, now_ms);
}

bool
state_page_is_up(const struct state_page *p, uint64_t key)
{
	CHECK(p->desc->is_up != NULL);
	return p->desc->is_up(p->header->state, key);
}

/* Two masters count in it for the moment of a takeover. */
unsigned
state_page_next_generation(struct state_page *p)
{
	return atomic_fetch_add(&p->header->generation, 1) + 1;
}

void *
state_page_map(const char *daemon, const struct state_desc *d, int fd)
{
	int mode = fcntl(fd, F_GETFL) & O_ACCMODE;
	int protection = mode == O_RDWR ? PROT_READ | PROT_WRITE : PROT_READ;
	struct header *h = is_whole(d, fd) ? map(d, fd, protection) : NULL;

	close(fd);
	return h != NULL && is_ours(daemon, d, h) ? h->state : NULL;
}
