/*
 * The health prober.  Runs in a process of its own, one for all workers, so
 * that a server is asked once in an interval and not once by each of them.
 *
 *	RESTING -> CONNECTING -> ASKING -> ENDING -> CLOSING -> RESTING
 *
 *	RESTING     until the interval is over
 *	CONNECTING  by connect(), or tlsd has been asked to (upstream/egress.h)
 *	ASKING      the request is out; connect_timeout is for both of these
 *	ENDING      the verdict is in; the server may say the rest, so that it
 *		    does not log an error every few seconds
 *	CLOSING     the handle is on its way out
 *
 * A probe is one GET of the pool's path on a connection of its own, with the
 * site's first name in Host, or the server's own (preserve_host), and only the
 * status of the answer is looked at: what a server says about itself is worth
 * nothing unless it can still say it.  What fails without a word from the
 * server, since tlsd is away or something has run out here, is no verdict.
 *
 * The workers see the verdicts in shared memory that this process alone may
 * write (upstream/health.h).  It ends with the first order to leave; what it
 * has found stays.
 */
#include "rproxy/prober.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "common/connect.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/resolve.h"
#include "common/sandbox.h"
#include "common/deadline.h"
#include "common/stream.h"
#include "rproxy/config.h"
#include "rproxy/lock_up.h"
#include "rproxy/upstream/egress.h"
#include "rproxy/upstream/health.h"
#include "rproxy/upstream/pool.h"

static const char *const allowed[] = {
	SANDBOX_LOOP,
	/* servers, the master, the log */
	"connect",
	"read",
	"recvfrom",
	"recvmsg",
	"write",
	"writev",
	"sendto",
	"sendmsg",
	"close",
	"getsockopt",
	"setsockopt",
	"ioctl",
	"fcntl",
	"getpid",
	SANDBOX_MEMORY,
	SANDBOX_END,
};

/* As much of a status line as matters. */
#define ANSWER_BYTES 16
#define ENDING_MS 1000

enum probe_state {
	PROBE_RESTING,
	PROBE_CONNECTING,
	PROBE_ASKING,
	PROBE_ENDING,
	PROBE_CLOSING,
};

struct probe {
	struct prober *home; /* borrowed, as are the next two */
	const struct pool_conf *pool;
	const struct server_conf *server;
	enum probe_state state;
	struct resolve resolve; /* http */
	unsigned address;       /* of those, the one that is asked */
	struct slice question;  /* https; owned */
	struct stream stream;
	struct deadline deadline;
	char *request; /* owned */
	uint64_t key;
	struct health_count count;
};

struct prober {
	uv_loop_t loop;
	struct rproxy_config *config; /* owned, as is the next */
	struct deadlines *deadlines;
	struct stream_home streams;
	struct addr egress;       /* where tlsd listens, if there is https */
	struct health_page *page; /* of the master */
	struct probe *probe;      /* owned, n */
	size_t n;
	struct deadline refresh;
};

/* one probe ---------------------------------------------------------------- */

static void
rest(struct probe *p)
{
	p->state = PROBE_RESTING;
	deadline_set(&p->deadline, p->pool->health_interval_ms);
}

static void
on_closed(struct watch *w)
{
	rest(container_of(stream_of(w), struct probe, stream));
}

/* A change is worth a line, a state is not. */
static void
note(struct probe *p, bool good, const char *why)
{
	if (health_count(&p->count, good)) {
		if (p->count.down)
			log_warning("pool %s: server %s:%u: down, its health "
				    "probe of %s: %s",
			    p->pool->name, p->server->host,
			    (unsigned)p->server->port, p->pool->health, why);
		else
			log_info("pool %s: server %s:%u: up again",
			    p->pool->name, p->server->host,
			    (unsigned)p->server->port);
	}
	(void)health_set(p->home->page, p->key, p->count.down);
	/* workers try all addresses: one that answers is enough */
	if (!good)
		p->address++;
}

/* The end of a probe whose stream is open. */
static void
leave(struct probe *p)
{
	p->state = PROBE_CLOSING;
	deadline_clear(&p->deadline);
	stream_close(&p->stream, on_closed);
}

static void
finish(struct probe *p, bool good, const char *why)
{
	note(p, good, why);
	leave(p);
}

static void
send_request(struct probe *p)
{
	struct iovec v = { p->request, strlen(p->request) };

	/* it fits into the buffer of a connection just made */
	if (stream_send(&p->stream, &v, 1) != STREAM_OK) {
		finish(p, false, "the request cannot be sent");
		return;
	}
	p->state = PROBE_ASKING;
	stream_want(&p->stream, true);
}

static void
finish_connect(struct probe *p)
{
	int error = connect_error(p->stream.watch.fd);

	if (error == 0)
		send_request(p);
	else
		finish(p, false, strerror(error));
}

static void
finish_egress(struct probe *p)
{
	struct egress_answer answer;

	switch (egress_read(&p->stream, &answer)) {
	case EGRESS_WAIT:
		return;
	case EGRESS_OPEN:
		send_request(p);
		return;
	case EGRESS_FAILED:
		if (reason_party(answer.why) != PARTY_US) {
			finish(p, false, answer.text);
			return;
		}
		log_warning("pool %s: server %s:%u: health probe: %s",
		    p->pool->name, p->server->host, (unsigned)p->server->port,
		    answer.text);
		break;
	case EGRESS_LOST:
		break;
	}
	leave(p);
}

static void
read_rest(struct probe *p)
{
	size_t ignored;
	enum stream_verdict v = stream_read(&p->stream,
	    p->home->streams.scratch, STREAM_SCRATCH_BYTES, &ignored);

	if (v == STREAM_END || v == STREAM_FAILED)
		leave(p);
}

static void
end(struct probe *p, bool good, const char *why)
{
	note(p, good, why);
	p->state = PROBE_ENDING;
	deadline_set(&p->deadline, ENDING_MS);
	read_rest(p);
}

static void
read_answer(struct probe *p)
{
	char why[32] = "no answer of HTTP";
	unsigned status = 0;

	switch (stream_fill(&p->stream, ANSWER_BYTES)) {
	case STREAM_WAIT:
		return;
	case STREAM_END:
		finish(p, false, "closed");
		return;
	case STREAM_FAILED:
		finish(p, false, strerror(p->stream.read_error));
		return;
	case STREAM_OK:
		break;
	}
	switch (health_read(buf_slice(&p->stream.in), &status)) {
	case HEALTH_MORE:
		return;
	case HEALTH_GOOD:
		end(p, true, NULL);
		return;
	case HEALTH_BAD:
		break;
	}
	if (status != 0)
		(void)snprintf(why, sizeof(why), "status %u", status);
	end(p, false, why);
}

static void
on_ready(struct watch *w, unsigned events)
{
	struct probe *p = container_of(stream_of(w), struct probe, stream);

	(void)events;
	switch (p->state) {
	case PROBE_CONNECTING:
		if (p->server->https)
			finish_egress(p);
		else
			finish_connect(p);
		return;
	case PROBE_ASKING:
		read_answer(p);
		return;
	case PROBE_ENDING:
		read_rest(p);
		return;
	case PROBE_RESTING:
	case PROBE_CLOSING:
		return;
	}
}

/* False: errno. */
static bool
open_stream(struct probe *p, const struct addr *a)
{
	int fd = connect_begin(a);
	int error;

	if (fd < 0)
		return false;
	if (stream_open(&p->stream, &p->home->streams, fd, on_ready))
		return true;
	error = errno;
	(void)close(fd);
	errno = error;
	return false;
}

static void
ask_server(struct probe *p)
{
	const struct resolve *r = &p->resolve;

	if (r->n_addr == 0) {
		note(p, false, "its name cannot be resolved");
		rest(p);
		return;
	}
	if (!open_stream(p, &r->addr[p->address % r->n_addr])) {
		note(p, false, strerror(errno));
		rest(p);
		return;
	}
	p->state = PROBE_CONNECTING;
	watch_want(&p->stream.watch, WATCH_WRITE);
	deadline_set(&p->deadline, p->pool->connect_timeout_ms);
}

/* A question that does not arrive is found out by its answer. */
static void
ask_tlsd(struct probe *p)
{
	struct iovec v = { (char *)p->question.p, p->question.len };

	if (!open_stream(p, &p->home->egress)) {
		log_debug("health probe: tlsd (egress): %s", strerror(errno));
		rest(p);
		return;
	}
	p->state = PROBE_CONNECTING;
	(void)stream_send(&p->stream, &v, 1);
	stream_want(&p->stream, true);
	deadline_set(
	    &p->deadline, p->pool->connect_timeout_ms + EGRESS_MARGIN_MS);
}

static void
ask(struct probe *p)
{
	if (p->server->https)
		ask_tlsd(p);
	else
		ask_server(p);
}

static void
on_deadline(struct deadline *d)
{
	struct probe *p = container_of(d, struct probe, deadline);

	switch (p->state) {
	case PROBE_RESTING:
		ask(p);
		return;
	case PROBE_CONNECTING:
		if (p->server->https) { /* tlsd would have said so */
			leave(p);
			return;
		}
		finish(p, false, "no answer in time");
		return;
	case PROBE_ASKING:
		finish(p, false, "no answer in time");
		return;
	case PROBE_ENDING:
		leave(p);
		return;
	case PROBE_CLOSING:
		return;
	}
}

/* all of them -------------------------------------------------------------- */

/* The Host that requests have: one that knows no other name answers 404. */
static char *
host_of(const struct site_conf *site, const struct server_conf *server)
{
	if (!site->http.preserve_host)
		return server_authority(server, false);
	return mem_need_strdup(site->host);
}

static char *
request_of(const struct site_conf *site, const struct pool_conf *pool,
    const struct server_conf *server)
{
	char *host = host_of(site, server);
	size_t room = strlen(pool->health) + strlen(host) + 128;
	char *text = mem_need(room);

	(void)snprintf(text, room,
	    "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: rproxy prober\r\n"
	    "Accept: */*\r\nConnection: close\r\n\r\n",
	    pool->health, host);
	mem_free(host);
	return text;
}

static void
probe_init(struct prober *w, struct probe *p, const struct site_conf *site,
    const struct pool_conf *pool, const struct server_conf *server)
{
	const char *error = NULL;

	p->home = w;
	p->pool = pool;
	p->server = server;
	p->request = request_of(site, pool, server);
	p->key = health_key(site, pool, server);
	p->count.down = health_is_down(w->page, p->key);
	if (server->https)
		p->question = egress_question(site, pool, server);
	else if (!resolve_start(
		     &p->resolve, server->host, server->port, &error))
		log_warning("pool %s: server name %s: %s", pool->name,
		    server->host, error);
	deadline_init(&p->deadline, w->deadlines, on_deadline);
	if (!health_set(w->page, p->key, p->count.down))
		log_warning("pool %s: server %s: too many servers have health "
			    "probes, this one counts as up",
		    pool->name, server->host);
}

static void
add_pool(struct prober *w, const struct site_conf *site,
    const struct pool_conf *pool)
{
	if (pool->health == NULL)
		return;
	for (size_t i = 0; i < pool->n_server; i++)
		probe_init(w, &w->probe[w->n++], site, pool, &pool->server[i]);
}

static size_t
count_servers(const struct rproxy_config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->sites.n; i++)
		for (size_t k = 0; k < c->sites.v[i]->n_pool; k++)
			n += c->sites.v[i]->pool[k].n_server;
	return n;
}

static void
add_all(struct prober *w)
{
	size_t n = count_servers(w->config);
	uint64_t *keys = mem_need((n + 1) * sizeof(*keys));

	w->probe = mem_need((n + 1) * sizeof(*w->probe));
	for (size_t i = 0; i < w->config->sites.n; i++) {
		const struct site_conf *site = w->config->sites.v[i];

		for (size_t k = 0; k < site->n_pool; k++)
			add_pool(w, site, &site->pool[k]);
	}
	for (size_t i = 0; i < w->n; i++)
		keys[i] = w->probe[i].key;
	health_keep(w->page, keys, w->n);
	mem_free(keys);
}

/* Not all at once. */
static void
start_all(struct prober *w)
{
	for (size_t i = 0; i < w->n; i++) {
		uint64_t all_ms = w->probe[i].pool->health_interval_ms;

		deadline_set(&w->probe[i].deadline, 1 + all_ms * i / w->n / 2);
	}
}

static bool
has_names(const struct prober *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->probe[i].resolve.is_name)
			return true;
	return false;
}

static void
on_refresh(struct deadline *d)
{
	struct prober *w = container_of(d, struct prober, refresh);

	for (size_t i = 0; i < w->n; i++)
		resolve_again(&w->probe[i].resolve, &w->loop);
	deadline_set(&w->refresh, RESOLVE_EVERY_MS);
}

/* life --------------------------------------------------------------------- */

static void
read_config(struct prober *w, const struct inheritance *in)
{
	struct conf_faults *faults = conf_faults_new();

	w->config =
	    rproxy_config_read(in->config, child_take_bundle(in), faults);
	child_check_config(faults);
	w->page = state_page_map("rproxy", &health_state, in->state_fd);
	if (w->page == NULL)
		child_fail("the page of server states did not arrive");
}

static void
on_order(const struct child_order *o, void *ctx)
{
	struct prober *w = ctx;

	switch (o->what) {
	case CHILD_DRAIN:
	case CHILD_STOP:
		watch_stop(&w->loop);
		break;
	case CHILD_PEER:
	case CHILD_LOG:
	case CHILD_LAST:
	case CHILD_ACCESS_LOG:
	case CHILD_FILES:
	case CHILD_TELL:
	case CHILD_NOTHING:
		break;
	}
	if (o->fd >= 0)
		(void)close(o->fd);
}

int
rproxy_prober_main(const struct inheritance *in)
{
	static struct prober w;

	(void)signal(SIGPIPE, SIG_IGN);
	if (uv_loop_init(&w.loop) < 0 || !watch_init(&w.loop))
		child_fail("the event loop does not start");
	read_config(&w, in);
	if (w.config->egress != NULL)
		CHECK(addr_parse(slice_of(w.config->egress), &w.egress));
	stream_home_init(&w.streams, &w.loop);
	w.deadlines = deadlines_new(&w.loop);
	deadline_init(&w.refresh, w.deadlines, on_refresh);
	add_all(&w);
	lock_up(w.config, allowed, ARRAY_LEN(allowed), has_names(&w));
	start_all(&w);
	if (has_names(&w))
		deadline_set(&w.refresh, RESOLVE_EVERY_MS);
	child_attach(&w.loop, on_order, &w);
	child_ready();
	watch_run(&w.loop);
	return 0;
}
