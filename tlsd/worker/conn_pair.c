/*
 * Two connections and the relay between them.  Runs in the worker, owned by
 * the connection object that it is a part of.
 *
 * It lives from the first connection opened until the last one is closed:
 *
 *	client_conn	secure accepted, then plain (more than one in turn)
 *	egress_conn	plain accepted, then secure (an address after another)
 *
 * Callbacks only note and tell the owner; an owner takes every event in every
 * state.
 */
#include "tlsd/worker/conn_pair.h"

#include "common/check.h"
#include "common/clock.h"

/* what is reported -------------------------------------------------------- */

static void
on_secure_ready(struct watch *watch, unsigned events)
{
	struct conn_pair *p = container_of(watch, struct conn_pair, secure);

	p->secure_ready |= events;
	p->owner->on_event(p);
}

static void
on_plain_ready(struct watch *watch, unsigned events)
{
	struct conn_pair *p = container_of(watch, struct conn_pair, plain);

	p->plain_ready |= events;
	p->relay.backend_end = watch->end;
	p->owner->on_event(p);
}

static void
on_expired(struct deadline *d)
{
	struct conn_pair *p = container_of(d, struct conn_pair, deadline);

	p->is_expired = true;
	p->owner->on_event(p);
}

static void
release(struct conn_pair *p)
{
	if (--p->n_handles > 0)
		p->owner->on_event(p);
	else
		p->owner->on_gone(p);
}

static void
on_secure_closed(struct watch *watch)
{
	release(container_of(watch, struct conn_pair, secure));
}

static void
on_plain_closed(struct watch *watch)
{
	release(container_of(watch, struct conn_pair, plain));
}

/* the owner's part -------------------------------------------------------- */

void
conn_pair_init(
    struct conn_pair *p, struct worker *w, const struct conn_pair_owner *owner)
{
	p->worker = w;
	p->owner = owner;
	p->secure.fd = p->plain.fd = -1;
	deadline_init(&p->deadline, w->deadlines, on_expired);
}

bool
conn_pair_open_secure(struct conn_pair *p, int fd)
{
	if (!watch_open_own(&p->secure, &p->worker->loop, fd, on_secure_ready))
		return false;
	p->n_handles++;
	return true;
}

bool
conn_pair_open_plain(struct conn_pair *p, int fd)
{
	if (!watch_open_own(&p->plain, &p->worker->loop, fd, on_plain_ready))
		return false;
	p->n_handles++;
	return true;
}

void
conn_pair_close_secure(struct conn_pair *p)
{
	if (watch_is_open(&p->secure))
		watch_close(&p->secure, on_secure_closed);
}

void
conn_pair_close_plain(struct conn_pair *p)
{
	p->relay.backend_fd = -1;
	if (watch_is_open(&p->plain))
		watch_close(&p->plain, on_plain_closed);
}

void
conn_pair_close(struct conn_pair *p)
{
	deadline_fini(&p->deadline);
	relay_fini(&p->relay);
	conn_pair_close_secure(p);
	conn_pair_close_plain(p);
}

enum relay_verdict
conn_pair_run(struct conn_pair *p, struct relay_moved *moved)
{
	return relay_run(&p->relay, p->secure_ready, p->plain_ready,
	    p->worker->scratch, moved);
}

void
conn_pair_want(struct conn_pair *p)
{
	watch_want(&p->plain, relay_backend_wants(&p->relay));
	watch_want(&p->secure, relay_client_wants(&p->relay));
}

void
conn_pair_count_signature(const struct conn_pair *p, const struct sign_op *op)
{
	conn_pair_count(p, TLSD_SIGNATURES, 1);
	conn_pair_count(
	    p, TLSD_SIGNER_WAIT_US, clock_monotonic_us() - op->asked_us);
}
