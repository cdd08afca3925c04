/*
 * The configuration's files as one sealed memory file.  The master writes,
 * its children read; both at start, or with a new generation.
 *
 *	"tlsd-bundle-1\n\0\0"  count
 *	path_len  path  \0  data_len  data        count times, all lengths be32
 *
 * The seals keep the master's own later mistakes, and one child, from
 * changing under another what it has mapped.  A private key does not get in:
 * what is in here ends up in the memory of the workers.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* the default (Jenkins) falls through cases without saying so */
#define HASH_FUNCTION(key, len, hash) HASH_FNV(key, len, hash)
#include <uthash.h>

#include "common/bundle.h"
#include "common/bytes.h"
#include "common/check.h"
#include "common/mem.h"

#define FILE_MAX_BYTES (16 * 1024 * 1024)
#define MAGIC_BYTES 16
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static const char magic[MAGIC_BYTES] = "tlsd-bundle-1\n";

struct bundle_file {
	const char *path;  /* owned, or in the map */
	struct slice data; /* owned, or in the map */
	UT_hash_handle hh;
};

struct bundle {
	struct bundle_file **files; /* owned, in the order they came */
	size_t n_files;
	struct bundle_file *by_path; /* the same, uthash head */
	char *map;                   /* owned, NULL in the master */
	size_t map_bytes;
};

struct bundle *
bundle_new(void)
{
	return mem_need(sizeof(struct bundle));
}

static void
free_file(const struct bundle *b, struct bundle_file *file)
{
	if (b->map == NULL) {
		mem_free((void *)(uintptr_t)file->path);
		mem_free((void *)(uintptr_t)file->data.p);
	}
	mem_free(file);
}

void
bundle_free(struct bundle *b)
{
	if (b == NULL)
		return;
	HASH_CLEAR(hh, b->by_path);
	for (size_t i = 0; i < b->n_files; i++)
		free_file(b, b->files[i]);
	if (b->map != NULL)
		munmap(b->map, b->map_bytes);
	mem_free(b->files);
	mem_free(b);
}

static void
add_file(struct bundle *b, const char *path, struct slice data)
{
	size_t bytes = b->n_files * sizeof(*b->files);
	struct bundle_file *file = mem_need(sizeof(*file));

	file->path = path;
	file->data = data;
	HASH_ADD_KEYPTR(hh, b->by_path, file->path, strlen(path), file);
	b->files = mem_need_grow(b->files, bytes, bytes + sizeof(*b->files));
	b->files[b->n_files++] = file;
}

bool
bundle_find(const struct bundle *b, const char *path, struct slice *contents)
{
	struct bundle_file *file;

	HASH_FIND_STR(b->by_path, path, file);
	if (file != NULL)
		*contents = file->data;
	return file != NULL;
}

size_t
bundle_count(const struct bundle *b)
{
	return b->n_files;
}

const char *
bundle_path(const struct bundle *b, size_t i)
{
	CHECK(i < b->n_files);
	return b->files[i]->path;
}

bool
bundle_is_fixed(const struct bundle *b)
{
	return b->map != NULL;
}

/* Reading ------------------------------------------------------------------ */

/* True when all is read; *len is then its length, at most room_bytes. */
static bool
read_to_end(int fd, char *p, size_t room_bytes, size_t *len)
{
	ssize_t n;

	*len = 0;
	do {
		n = read(fd, p + *len, room_bytes - *len);
		if (n > 0)
			*len += (size_t)n;
	} while ((n > 0 && *len < room_bytes) || (n < 0 && errno == EINTR));
	return n >= 0;
}

static bool
check_kind(int fd, size_t *size, const char **error)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		*error = strerror(errno);
	else if (S_ISDIR(st.st_mode))
		*error = strerror(EISDIR);
	else if (!S_ISREG(st.st_mode))
		*error = "not a regular file";
	else if (st.st_size > FILE_MAX_BYTES)
		*error = "larger than 16 MiB";
	else {
		*size = (size_t)st.st_size;
		return true;
	}
	return false;
}

static bool
read_file(int fd, struct slice *out, const char **error)
{
	size_t size, len;
	char *p;

	if (!check_kind(fd, &size, error))
		return false;
	p = mem_try(size + 1); /* one more, to see the end */
	if (p == NULL) {
		*error = strerror(ENOMEM);
		return false;
	}
	*out = (struct slice){ p, size };
	if (!read_to_end(fd, p, size + 1, &len))
		*error = strerror(errno);
	else if (len != size)
		*error = "it changed while it was read";
	else if (slice_find_slice(*out, SLICE("PRIVATE KEY-----")) != size)
		*error = "it holds a private key: put the key into a file of "
			 "its own";
	else
		return true;
	mem_wipe(p, size + 1);
	mem_free(p);
	return false;
}

bool
bundle_read(struct bundle *b, const char *path, struct slice *contents,
    const char **error)
{
	int fd;
	bool ok;

	CHECK(path[0] == '/');
	if (bundle_find(b, path, contents))
		return true;
	if (bundle_is_fixed(b)) {
		*error = "not among the files that the master has read";
		return false;
	}
	/* a named pipe must not hold us */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		*error = strerror(errno);
		return false;
	}
	ok = read_file(fd, contents, error);
	close(fd);
	if (ok)
		add_file(b, mem_need_strdup(path), *contents);
	return ok;
}

/* Handing over ------------------------------------------------------------- */

static bool
write_all(int fd, const void *p, size_t len)
{
	const char *at = p;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
write_len(int fd, size_t len)
{
	char b[4];

	put_be32(b, (uint32_t)len);
	return write_all(fd, b, sizeof(b));
}

static bool
write_bundle(int fd, const struct bundle *b)
{
	if (!write_all(fd, magic, sizeof(magic)) || !write_len(fd, b->n_files))
		return false;
	for (size_t i = 0; i < b->n_files; i++) {
		const struct bundle_file *f = b->files[i];
		size_t len = strlen(f->path);

		if (!write_len(fd, len) || !write_all(fd, f->path, len + 1) ||
		    !write_len(fd, f->data.len) ||
		    !write_all(fd, f->data.p, f->data.len))
			return false;
	}
	return true;
}

int
bundle_seal(const struct bundle *b)
{
	int fd = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int e;

	if (fd < 0)
		return -1;
	if (write_bundle(fd, b) && fcntl(fd, F_ADD_SEALS, SEALS) == 0)
		return fd;
	e = errno;
	close(fd);
	errno = e;
	return -1;
}

/* Takes a length and that many bytes, and more_bytes behind them. */
static bool
take(struct slice *rest, size_t more_bytes, struct slice *out)
{
	size_t len;

	if (rest->len < 4)
		return false;
	len = be32(rest->p);
	*rest = slice_from(*rest, 4);
	if (len > rest->len || more_bytes > rest->len - len)
		return false;
	*out = slice_first(*rest, len);
	*rest = slice_from(*rest, len + more_bytes);
	return true;
}

static bool
index_map(struct bundle *b)
{
	struct slice rest = { b->map, b->map_bytes };
	size_t count;

	if (rest.len < MAGIC_BYTES + 4 ||
	    memcmp(rest.p, magic, MAGIC_BYTES) != 0)
		return false;
	count = be32(rest.p + MAGIC_BYTES);
	rest = slice_from(rest, MAGIC_BYTES + 4);
	for (size_t i = 0; i < count; i++) {
		struct slice path, data;

		if (!take(&rest, 1, &path) || path.p[path.len] != '\0' ||
		    !take(&rest, 0, &data))
			return false;
		add_file(b, path.p, data);
	}
	return rest.len == 0;
}

static bool
map_sealed(struct bundle *b, int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *p;

	/* the kernel may add seals of its own */
	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 ||
	    st.st_size == 0)
		return false;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return false;
	b->map = p;
	b->map_bytes = (size_t)st.st_size;
	return true;
}

struct bundle *
bundle_open(int fd)
{
	struct bundle *b = bundle_new();
	bool ok = map_sealed(b, fd) && index_map(b);

	close(fd);
	if (ok)
		return b;
	bundle_free(b);
	return NULL;
}
