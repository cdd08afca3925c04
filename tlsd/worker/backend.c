/*
 * The way to rproxy.  Runs in the worker, owned by it.
 *
 *	there --connect fails--> away --connect succeeds--> there
 *
 * How long anybody waits is the connection's own deadline (backend_wait).  One
 * line in the log when an episode begins, one when the first client is given
 * up, one at the end.
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

static void
on_attempt(struct reach *r, int error)
{
	struct backend *b = container_of(r, struct backend, reach);

	if (error != 0)
		note_failure(b, error);
	else
		note_success(b);
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
on_farewell_connected(struct reach_turn *t, int fd)
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
	fd = reach_connect(&b->reach, &b->farewell);
	if (fd >= 0)
		say_farewell(b, fd);
}

void
backend_init(struct backend *b, const struct addr *address, const char *path,
    struct deadlines *deadlines, struct metrics *metrics, uint64_t wait_ms)
{
	*b = (struct backend){ .path = path,
		.metrics = metrics,
		.wait_ms = wait_ms,
		.farewell.on_connected = on_farewell_connected };
	reach_init(&b->reach, address, deadlines, metrics, TLSD_BACKEND_WAITING,
	    on_attempt);
}

void
backend_fini(struct backend *b)
{
	reach_leave(&b->reach, &b->farewell);
	reach_fini(&b->reach);
}
