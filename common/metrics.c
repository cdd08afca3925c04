/*
 * Counters and gauges in shared memory.  Each process writes its own row; the
 * master adds the rows up.
 *
 *	row 0..63	the process that has taken the slot
 *	row 64		the master's own, and the counters of those gone
 *
 * A row starts on a cache line of its own, so that two workers that count do
 * not slow each other down.  Which slots are taken is known to the master
 * alone; nothing that a child could write decides it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"

#define CACHE_LINE_BYTES 64
#define ROWS (METRICS_SLOTS + 1)
#define MASTER_ROW METRICS_SLOTS
/* a shorter file would end a process that reads behind its end */
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)

typedef _Atomic uint64_t cell;

struct metrics {
	const struct metric_def *defs; /* borrowed, constant */
	unsigned n_defs;
	size_t row_cells;
	cell *cells; /* owned mapping */
	cell *own;   /* our row */
	int fd;      /* owned; -1 in a child */
	bool is_taken[METRICS_SLOTS];
};

static cell *
row_of(const struct metrics *m, unsigned row)
{
	return m->cells + row * m->row_cells;
}

static size_t
map_bytes(const struct metrics *m)
{
	return ROWS * m->row_cells * sizeof(cell);
}

static struct metrics *
new_table(const struct metric_def *defs, unsigned n_defs, int fd)
{
	const size_t per_line = CACHE_LINE_BYTES / sizeof(cell);
	struct metrics *m = mem_need(sizeof(*m));

	m->defs = defs;
	m->n_defs = n_defs;
	m->row_cells = (n_defs + per_line - 1) / per_line * per_line;
	m->fd = fd;
	return m;
}

static void
map(struct metrics *m, int fd, unsigned row)
{
	void *p =
	    mmap(NULL, map_bytes(m), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		fatal("metrics: mmap: %s", strerror(errno));
	m->cells = p;
	m->own = row_of(m, row);
}

struct metrics *
metrics_new(const struct metric_def *defs, unsigned n_defs)
{
	int fd = memfd_create("metrics", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct metrics *m = new_table(defs, n_defs, fd);

	if (fd < 0 || ftruncate(fd, (off_t)map_bytes(m)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		fatal("metrics: shared memory: %s", strerror(errno));
	map(m, fd, MASTER_ROW);
	return m;
}

int
metrics_fd(const struct metrics *m)
{
	return m->fd;
}

struct metrics *
metrics_open(
    const struct metric_def *defs, unsigned n_defs, int fd, unsigned slot)
{
	struct metrics *m = new_table(defs, n_defs, -1);
	struct stat st;

	CHECK(slot < METRICS_SLOTS);
	if (fstat(fd, &st) < 0 || (size_t)st.st_size != map_bytes(m))
		fatal("metrics: the master's table is not ours");
	map(m, fd, slot);
	close(fd);
	return m;
}

int
metrics_take_slot(struct metrics *m)
{
	for (int i = 0; i < METRICS_SLOTS; i++)
		if (!m->is_taken[i]) {
			m->is_taken[i] = true;
			return i;
		}
	return -1;
}

void
metrics_give_slot(struct metrics *m, unsigned slot)
{
	cell *row, *gone = row_of(m, MASTER_ROW);

	CHECK(slot < METRICS_SLOTS && m->is_taken[slot]);
	row = row_of(m, slot);
	for (unsigned i = 0; i < m->n_defs; i++) {
		uint64_t n =
		    atomic_exchange_explicit(&row[i], 0, memory_order_relaxed);

		if (m->defs[i].kind == METRIC_COUNTER)
			atomic_fetch_add_explicit(
			    &gone[i], n, memory_order_relaxed);
	}
	m->is_taken[slot] = false;
}

/*
 * One writer per row: a load and a store do, and cost a fraction of a locked
 * addition.
 */
void
metrics_set(struct metrics *m, unsigned index, uint64_t n)
{
	CHECK(index < m->n_defs);
	atomic_store_explicit(&m->own[index], n, memory_order_relaxed);
}

void
metrics_add(struct metrics *m, unsigned index, uint64_t n)
{
	CHECK(index < m->n_defs);
	metrics_set(m, index,
	    atomic_load_explicit(&m->own[index], memory_order_relaxed) + n);
}

void
metrics_sub(struct metrics *m, unsigned index, uint64_t n)
{
	metrics_add(m, index, 0 - n);
}

uint64_t
metrics_sum(const struct metrics *m, unsigned index)
{
	uint64_t sum = 0;

	CHECK(index < m->n_defs);
	for (unsigned r = 0; r < ROWS; r++)
		sum += atomic_load_explicit(
		    &row_of(m, r)[index], memory_order_relaxed);
	return sum;
}

/* text --------------------------------------------------------------------- */

static const char *
kind_name(enum metric_kind kind)
{
	switch (kind) {
	case METRIC_COUNTER:
		return "counter";
	case METRIC_GAUGE:
		return "gauge";
	}
	return NULL;
}

/* Like snprintf(); room_bytes of 0 asks for the length. */
static size_t
print_metric(const struct metrics *m, unsigned i, uint64_t value, char *out,
    size_t room_bytes)
{
	const struct metric_def *d = &m->defs[i];
	const char *open = d->labels == NULL ? "" : "{";
	const char *labels = d->labels == NULL ? "" : d->labels;
	const char *close = d->labels == NULL ? "" : "}";
	unsigned long long v = value;
	int n;

	if (d->help == NULL)
		n = snprintf(out, room_bytes, "%s%s%s%s %llu\n", d->name, open,
		    labels, close, v);
	else
		n = snprintf(out, room_bytes,
		    "# HELP %s %s\n# TYPE %s %s\n%s%s%s%s %llu\n", d->name,
		    d->help, d->name, kind_name(d->kind), d->name, open, labels,
		    close, v);
	CHECK(n > 0);
	return (size_t)n;
}

char *
metrics_text(const struct metrics *m)
{
	size_t room = 1;
	size_t len = 0;
	char *text;

	/* the longest value: others may count while we write */
	for (unsigned i = 0; i < m->n_defs; i++)
		room += print_metric(m, i, UINT64_MAX, NULL, 0);
	text = mem_try(room);
	if (text == NULL)
		return NULL;
	for (unsigned i = 0; i < m->n_defs; i++)
		len += print_metric(
		    m, i, metrics_sum(m, i), text + len, room - len);
	return text;
}
