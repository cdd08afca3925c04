/*
 * Accepts.  Runs in the worker; one per address, made at start.
 *
 *	ACCEPTING <-> RESTING
 *
 *	RESTING  the front is full (until a connection goes), or descriptors
 *		 have run out (for REST_MS): the kernel's queue holds the rest
 *
 * On a Unix listener the kernel names the peer (SO_PEERCRED): only the user
 * in "from", our own and root are heard.  One accept per wake-up: a second
 * would mostly find nothing, and other workers wait for the same socket.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/listen.h"
#include "common/log.h"
#include "common/peer_user.h"
#include "rproxy/front/acceptor.h"
#include "rproxy/front/shortage.h"
#include "rproxy/metrics_table.h"

#define REST_MS 200

static void
rest(struct acceptor *a)
{
	a->resting = true;
	watch_want(&a->watch, 0);
}

static bool
may_connect(const struct acceptor *a, int fd)
{
	struct ucred peer;

	if (peer_user_is(fd, a->conf->from_uid, &peer))
		return true;
	metrics_add(a->front->metrics, M_REFUSED_PEER, 1);
	log_warning("listen %s: user %u (process %d) may not connect, "
		    "only \"%s\" may",
	    a->conf->name, (unsigned)peer.uid, (int)peer.pid, a->conf->from);
	return false;
}

/* False: memory is short. */
static bool
take_plain(struct acceptor *a, int fd, const struct addr *peer)
{
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	struct identity *who = identity_from_socket(peer);
	if (who == NULL)
		return false;
	if (client_conn_new(a->front, fd, who))
		return true;
	identity_free(who);
	return false;
}

static bool
take(struct acceptor *a, int fd, const struct addr *peer)
{
	if (a->is_unix && !may_connect(a, fd))
		return false;
	if (a->conf->proxy_v2 ? client_conn_new(a->front, fd, NULL)
			      : take_plain(a, fd, peer))
		return true;
	shortage_note_memory(a->front);
	return false;
}

static void
accept_one(struct acceptor *a)
{
	struct addr peer;

	memset(&peer, 0, sizeof(peer));
	peer.len = sizeof(peer.u);
	int fd = accept4(
	    a->watch.fd, &peer.u.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		if (!take(a, fd, &peer))
			(void)close(fd);
		return;
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS &&
	    errno != ENOMEM)
		return;
	if (shortage_may_log(a->front, &a->failed_logged_ms))
		log_error("accept on %s: %s; clients wait", a->conf->name,
		    strerror(errno));
	rest(a);
	deadline_set(&a->rest, REST_MS);
}

static bool
is_full(const struct acceptor *a)
{
	return front_is_full(a->front, !a->conf->proxy_v2);
}

static void
note_full(struct acceptor *a)
{
	metrics_add(a->front->metrics, M_REFUSED_FULL, 1);
	if (!shortage_may_log(a->front, &a->full_logged_ms))
		return;
	log_warning("listen %s: clients wait, max_connections (%u) is reached",
	    a->conf->name, a->front->config->max_connections);
}

static void
on_ready(struct watch *w, unsigned events)
{
	struct acceptor *a = container_of(w, struct acceptor, watch);

	(void)events;
	if (!is_full(a)) {
		accept_one(a);
		return;
	}
	note_full(a);
	rest(a);
}

static void
on_rested(struct deadline *d)
{
	struct acceptor *a = container_of(d, struct acceptor, rest);

	acceptor_resume(a);
}

bool
acceptor_open(struct acceptor *a, struct front *f,
    const struct listen_conf *conf, const struct addr *address, int fd)
{
	memset(a, 0, sizeof(*a));
	a->front = f;
	a->conf = conf;
	a->is_unix = addr_is_unix(address);
	if (!watch_open(&a->watch, f->streams->loop, fd, on_ready))
		return false;
	deadline_init(&a->rest, f->deadlines, on_rested);
	watch_want(&a->watch, WATCH_READ);
	return true;
}

void
acceptor_resume(struct acceptor *a)
{
	if (!a->resting || !watch_is_open(&a->watch) || is_full(a))
		return;
	a->resting = false;
	watch_want(&a->watch, WATCH_READ);
}

/*
 * Who closes the last copy of a socket resets those in its queue.  On a Unix
 * socket that is tlsd's clients, with their requests already sent; its file
 * has been removed by now, so that the queue does not grow.
 */
static void
empty_queue(struct acceptor *a)
{
	struct pollfd p = { .fd = a->watch.fd, .events = POLLIN };

	for (int i = 0; i < LISTEN_BACKLOG && !a->resting; i++) {
		if (poll(&p, 1, 0) <= 0)
			return;
		accept_one(a);
	}
}

void
acceptor_close(struct acceptor *a)
{
	if (!watch_is_open(&a->watch))
		return;
	if (a->is_unix)
		empty_queue(a);
	deadline_fini(&a->rest);
	watch_close(&a->watch, NULL);
}
