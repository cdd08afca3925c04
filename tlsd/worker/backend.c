/*
 * The way to rproxy.  Runs in the worker, owned by it.
 *
 *	there --connect fails--> away --connect succeeds--> there
 *
 * While rproxy is away, only the first in the queue is tried, every RETRY_MS;
 * when that succeeds the others follow in order.  How long anybody waits is
 * the connection's own deadline (backend_wait).  One line in the log when an
 * episode begins, one when the first client is given up, one at the end.
 *
 * A connect() to a Unix socket never is "in progress": it succeeds, or says
 * EAGAIN when the listener's queue is full, which is treated like absence.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/proxy_v2.h"
#include "tlsd/metrics_table.h"
#include "tlsd/worker/backend.h"

#define RETRY_MS 50
/* Connections opened in one turn of the loop when rproxy is back. */
#define BATCH 512

static void
note_failure(struct backend *b, int error)
{
	metrics_add(b->metrics, TLSD_BACKEND_FAILURES, 1);
	if (b->is_away)
		return;
	b->is_away = true;
	b->away_since_ms = clock_monotonic_ms();
	b->given_up = 0;
	log_warning("rproxy cannot be reached at %s: %s; "
		    "clients wait up to %" PRIu64 " ms (backend_wait)",
	    b->path, error == EAGAIN ? "its queue is full" : strerror(error),
	    b->wait_ms);
}

static void
note_success(struct backend *b)
{
	metrics_add(b->metrics, TLSD_BACKEND_CONNECTS, 1);
	if (!b->is_away)
		return;
	b->is_away = false;
	log_warning("rproxy is back after %" PRIu64 " ms; %" PRIu64
		    " clients were closed meanwhile",
	    clock_monotonic_ms() - b->away_since_ms, b->given_up);
	if (b->draining_generation != 0)
		backend_tell_draining(b, b->draining_generation);
}

static int
try_connect(struct backend *b)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd >= 0 && connect(fd, &b->address.u.sa, b->address.len) == 0) {
		note_success(b);
		return fd;
	}
	error = errno;
	if (fd >= 0)
		close(fd);
	note_failure(b, error);
	return -1;
}

static void
enqueue(struct backend *b, struct backend_turn *t)
{
	t->is_waiting = true;
	TAILQ_INSERT_TAIL(&b->waiting, t, entry);
	metrics_add(b->metrics, TLSD_BACKEND_WAITING, 1);
	if (!deadline_is_set(&b->retry))
		deadline_set(&b->retry, RETRY_MS);
}

static void
dequeue(struct backend *b, struct backend_turn *t)
{
	t->is_waiting = false;
	TAILQ_REMOVE(&b->waiting, t, entry);
	metrics_sub(b->metrics, TLSD_BACKEND_WAITING, 1);
}

static void
on_retry(struct deadline *d)
{
	struct backend *b = container_of(d, struct backend, retry);
	struct backend_turn *t;

	for (unsigned i = 0; i < BATCH; i++) {
		int fd;

		if ((t = TAILQ_FIRST(&b->waiting)) == NULL)
			return;
		if ((fd = try_connect(b)) < 0)
			break;
		dequeue(b, t);
		t->on_connected(t, fd);
	}
	deadline_set(&b->retry, RETRY_MS);
}

int
backend_connect(struct backend *b, struct backend_turn *t)
{
	int fd = -1;

	CHECK(!t->is_waiting);
	if (TAILQ_EMPTY(&b->waiting))
		fd = try_connect(b);
	if (fd < 0)
		enqueue(b, t);
	return fd;
}

void
backend_leave(struct backend *b, struct backend_turn *t)
{
	if (t->is_waiting)
		dequeue(b, t);
}

void
backend_note_given_up(struct backend *b)
{
	metrics_add(b->metrics, TLSD_BACKEND_GIVEN_UP, 1);
	if (b->given_up++ == 0)
		log_error("rproxy stays away: clients are being closed");
}

static void
say_farewell(struct backend *b, int fd)
{
	struct proxy_v2 pp = { .command = PROXY_V2_LOCAL,
		.generation = b->draining_generation,
		.draining = true };
	char out[64];
	size_t n = proxy_v2_encode(&pp, out, sizeof(out));

	CHECK(n > 0);
	if (send(fd, out, n, MSG_NOSIGNAL) != (ssize_t)n)
		log_warning("rproxy was not told that this generation drains");
	close(fd);
}

static void
on_farewell_connected(struct backend_turn *t, int fd)
{
	say_farewell(container_of(t, struct backend, farewell), fd);
}

void
backend_tell_draining(struct backend *b, uint32_t generation)
{
	int fd;

	b->draining_generation = generation;
	if (b->farewell.is_waiting)
		return;
	fd = backend_connect(b, &b->farewell);
	if (fd >= 0)
		say_farewell(b, fd);
}

void
backend_init(struct backend *b, const struct addr *address, const char *path,
    struct deadlines *deadlines, struct metrics *metrics, uint64_t wait_ms)
{
	*b = (struct backend){ .address = *address,
		.path = path,
		.metrics = metrics,
		.wait_ms = wait_ms,
		.farewell.on_connected = on_farewell_connected };
	TAILQ_INIT(&b->waiting);
	deadline_init(&b->retry, deadlines, on_retry);
}

void
backend_fini(struct backend *b)
{
	backend_leave(b, &b->farewell);
	CHECK(TAILQ_EMPTY(&b->waiting));
	deadline_fini(&b->retry);
}
