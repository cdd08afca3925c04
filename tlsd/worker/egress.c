/*
 * The way to https servers, for rproxy.  Runs in the worker, owned by it.
 *
 * Only processes of the user in egress_from are heard.  rproxy decides how
 * many connections it wants and how long it keeps them; there is a ceiling all
 * the same, and above it the answer is "short" and not silence.
 */
#include "tlsd/worker/egress.h"

#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "common/log.h"
#include "common/peer_user.h"
#include "tlsd/metrics_table.h"
#include "tlsd/worker/egress_conn.h"
#include "tlsd/worker/worker.h"

#define LINES_PER_SECOND 10

static void
on_refresh(struct deadline *d)
{
	struct egress *e = container_of(d, struct egress, refresh);

	egress_servers_resolve(e->servers, &e->worker->loop);
	deadline_set(&e->refresh, RESOLVE_EVERY_MS);
}

bool
egress_init(struct egress *e, struct worker *w, const char **error)
{
	e->worker = w;
	TAILQ_INIT(&e->conns);
	e->servers = egress_servers_new(w->config, w->signer, error);
	if (e->servers == NULL)
		return false;
	log_limit_init(&e->lines, w->deadlines,
	    "connections to https servers that failed", LINES_PER_SECOND);
	deadline_init(&e->refresh, w->deadlines, on_refresh);
	if (egress_servers_needs(e->servers).has_names)
		deadline_set(&e->refresh, RESOLVE_EVERY_MS);
	return true;
}

void
egress_fini(struct egress *e)
{
	if (e->servers == NULL)
		return;
	CHECK(TAILQ_EMPTY(&e->conns));
	deadline_fini(&e->refresh);
	log_limit_fini(&e->lines);
	egress_servers_free(e->servers);
	e->servers = NULL;
}

static bool
may_connect(const struct egress *e, int fd)
{
	const struct tlsd_config *c = e->worker->config;
	struct ucred peer;

	if (peer_user_is(fd, c->egress_from_uid, &peer))
		return true;
	metrics_add(e->worker->metrics, TLSD_EGRESS_FOREIGN, 1);
	log_warning("egress: user %u (process %d) may not connect, only "
		    "\"%s\" may (egress_from)",
	    (unsigned)peer.uid, (int)peer.pid, c->egress_from);
	return false;
}

/* Its header is not waited for. */
static void
turn_away(const struct egress *e, int fd)
{
	const struct egress_outcome o = { .code = EGRESS_SHORT,
		.text = SLICE("tlsd has no room for another connection "
			      "(max_connections)") };
	char out[EGRESS_WIRE_MAX];
	size_t len = egress_wire_encode_outcome(&o, out);

	metrics_add(
	    e->worker->metrics, TLSD_EGRESS_CONNECTED + EGRESS_SHORT, 1);
	(void)send(fd, out, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

void
egress_admit(struct egress *e, int fd)
{
	if (!may_connect(e, fd))
		close(fd);
	else if (e->n_conns >= e->worker->config->max_connections ||
		 !egress_conn_start(e, fd))
		turn_away(e, fd);
}
