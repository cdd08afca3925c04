/*
 * One listening socket.  Runs in the worker, owned by it.
 *
 *	            room again                   REST_MS
 *	FULL  <--------------------> ACCEPTING <---------> RESTING
 *	  worker has max_connections,          no descriptors, no memory
 *	  or max_handshakes
 *
 * While FULL or RESTING the socket is not watched: clients wait in the
 * kernel's queue (or another worker takes them) and nothing spins.  Each rest
 * is counted; the log has one line per episode, which ends with the next
 * client that gets in.  FULL of handshakes ends also when one of them has been
 * silent for so long that it may be ended (handshakes.c).
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/check.h"
#include "common/log.h"
#include "tlsd/metrics_table.h"
#include "tlsd/worker/acceptor.h"
#include "tlsd/worker/client_conn.h"
#include "tlsd/worker/worker.h"

#define BATCH 32 /* clients per wake-up: the others have work, too */
#define REST_MS 250

static void
pause_full(struct acceptor *a, enum tlsd_metric why)
{
	if (!a->is_full)
		metrics_add(a->worker->metrics, why, 1);
	a->is_full = true;
	watch_want(&a->watch, 0);
}

static bool
has_room(struct acceptor *a)
{
	const struct worker *w = a->worker;
	uint64_t wait_ms =
	    handshakes_room_in_ms(&w->handshakes, uv_now(&w->loop));

	if (w->n_clients >= w->config->max_connections) {
		pause_full(a, TLSD_PAUSED_LIMIT);
		return false;
	}
	if (wait_ms > 0) {
		pause_full(a, TLSD_PAUSED_HANDSHAKES);
		deadline_set(&a->rest, wait_ms);
		return false;
	}
	return true;
}

static void
rest(struct acceptor *a, int error)
{
	metrics_add(a->worker->metrics, TLSD_PAUSED_RESOURCES, 1);
	if (!a->is_short)
		log_error("cannot accept clients: %s; trying again every %d ms",
		    strerror(error), REST_MS);
	a->is_short = true;
	watch_want(&a->watch, 0);
	deadline_set(&a->rest, REST_MS);
}

/* Whether peer may connect here: to name clients is for balancers alone. */
static bool
is_welcome(const struct listen_conf *l, const struct addr *peer)
{
	if (!l->proxy_protocol)
		return true;
	for (size_t i = 0; i < l->n_proxy_from; i++)
		if (cidr_matches(&l->proxy_from[i], peer))
			return true;
	return false;
}

static void
admit(struct acceptor *a, int fd, const struct addr *peer)
{
	if (a->is_short)
		log_info("clients are accepted again");
	a->is_short = false;
	if (a->listen == NULL) {
		egress_admit(&a->worker->egress, fd);
		return;
	}
	metrics_add(a->worker->metrics, TLSD_ACCEPTED, 1);
	if (is_welcome(a->listen, peer)) {
		client_conn_start(a->worker, fd, peer, a->listen);
		return;
	}
	handshake_report_refused(
	    &a->worker->report, peer, TLSD_REFUSED_BALANCER, "proxy_from");
	close(fd);
}

/* Errors of the one connection that was to be accepted: see accept(2). */
static bool
is_passing(int error)
{
	static const int passing[] = { EINTR, ECONNABORTED, EPERM, EPROTO,
		ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH,
		EOPNOTSUPP, ENETUNREACH };

	for (size_t i = 0; i < ARRAY_LEN(passing); i++)
		if (passing[i] == error)
			return true;
	return false;
}

/* False: nothing more to be had now. */
static bool
accept_one(struct acceptor *a)
{
	struct addr peer = { .len = sizeof(peer.u) };
	int fd = accept4(
	    a->watch.fd, &peer.u.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		admit(a, fd, &peer);
		return true;
	}
	if (errno == EAGAIN)
		return false;
	if (is_passing(errno))
		return true;
	rest(a, errno);
	return false;
}

static void
on_ready(struct watch *watch, unsigned events)
{
	struct acceptor *a = container_of(watch, struct acceptor, watch);

	(void)events;
	/* rproxy is told when there is no room, and may ask elsewhere */
	for (unsigned i = 0; i < BATCH; i++)
		if ((a->listen != NULL && !has_room(a)) || !accept_one(a))
			return;
}

static void
on_rested(struct deadline *d)
{
	struct acceptor *a = container_of(d, struct acceptor, rest);

	/* if it still is, it turns out before the next one is accepted */
	a->is_full = false;
	watch_want(&a->watch, WATCH_READ);
}

bool
acceptor_start(struct acceptor *a, struct worker *w, int fd,
    const struct listen_conf *listen)
{
	int on = 1;

	*a = (struct acceptor){ .worker = w, .listen = listen };
	deadline_init(&a->rest, w->deadlines, on_rested);
	/* accepted sockets inherit it: a system call saved for each client */
	if (listen != NULL)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!watch_open(&a->watch, &w->loop, fd, on_ready)) {
		close(fd);
		a->watch.fd = -1;
		return false;
	}
	watch_want(&a->watch, WATCH_READ);
	return true;
}

void
acceptor_resume(struct acceptor *a)
{
	if (!a->is_full || !watch_is_open(&a->watch))
		return;
	a->is_full = false;
	/* a lack of descriptors is slept off */
	if (!a->is_short || !deadline_is_set(&a->rest))
		watch_want(&a->watch, WATCH_READ);
}

void
acceptor_stop(struct acceptor *a)
{
	if (!watch_is_open(&a->watch))
		return;
	deadline_fini(&a->rest);
	watch_close(&a->watch, NULL);
}
