/*
 * The way to the other daemon.  Runs in the workers of both: in tlsd's for
 * each client, in rproxy's for each connection to an https server.
 *
 * While the other is away, only the first in the queue is tried, every
 * RETRY_MS; when that succeeds the others follow in order.
 *
 * A connect() to a Unix socket never is "in progress": it succeeds, or says
 * EAGAIN when the listener's queue is full, which is treated like absence.
 */
#include "common/reach.h"

#include <errno.h>

#include "common/check.h"
#include "common/connect.h"

#define RETRY_MS 50
/* Connections opened in one turn of the loop when the other is back. */
#define BATCH 512

static int
try_connect(struct reach *r)
{
	int fd = connect_begin(&r->address);

	r->on_attempt(r, fd < 0 ? errno : 0);
	return fd;
}

static void
dequeue(struct reach *r, struct reach_turn *t)
{
	t->is_waiting = false;
	TAILQ_REMOVE(&r->waiting, t, entry);
	metrics_sub(r->metrics, r->waiting_metric, 1);
}

static void
on_retry(struct deadline *d)
{
	struct reach *r = container_of(d, struct reach, retry);
	struct reach_turn *t;

	for (unsigned i = 0; i < BATCH; i++) {
		int fd;

		if ((t = TAILQ_FIRST(&r->waiting)) == NULL)
			return;
		if ((fd = try_connect(r)) < 0)
			break;
		dequeue(r, t);
		t->on_connected(t, fd);
	}
	deadline_set(&r->retry, RETRY_MS);
}

void
reach_wait(struct reach *r, struct reach_turn *t)
{
	CHECK(!t->is_waiting);
	t->is_waiting = true;
	TAILQ_INSERT_TAIL(&r->waiting, t, entry);
	metrics_add(r->metrics, r->waiting_metric, 1);
	if (!deadline_is_set(&r->retry))
		deadline_set(&r->retry, RETRY_MS);
}

int
reach_connect(struct reach *r, struct reach_turn *t)
{
	int fd = -1;

	CHECK(!t->is_waiting);
	if (TAILQ_EMPTY(&r->waiting))
		fd = try_connect(r);
	if (fd < 0)
		reach_wait(r, t);
	return fd;
}

void
reach_leave(struct reach *r, struct reach_turn *t)
{
	if (t->is_waiting)
		dequeue(r, t);
}

void
reach_init(struct reach *r, const struct addr *address,
    struct deadlines *deadlines, struct metrics *metrics,
    unsigned waiting_metric, void (*on_attempt)(struct reach *r, int error))
{
	*r = (struct reach){ .address = *address,
		.metrics = metrics,
		.waiting_metric = waiting_metric,
		.on_attempt = on_attempt };
	TAILQ_INIT(&r->waiting);
	deadline_init(&r->retry, deadlines, on_retry);
}

void
reach_fini(struct reach *r)
{
	CHECK(TAILQ_EMPTY(&r->waiting));
	deadline_fini(&r->retry);
}
