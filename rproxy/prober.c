/*
 * The health prober.  Runs in a process of its own, one for all workers, so
 * that a server is asked once in an interval and not once by each of them.
 *
 *	RESTING -> ASKING -> CLOSING -> RESTING
 *
 *	RESTING  until the interval is over
 *	ASKING   connected or about to be; at most connect_timeout
 *	CLOSING  the verdict is in; the handle is on its way out
 *
 * A probe is one GET of the pool's path on a connection of its own, under the
 * site's first name, and only the status of the answer is looked at: what a
 * server says about itself is worth nothing unless it can still say it.
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
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/privdrop.h"
#include "common/resolve.h"
#include "common/sandbox.h"
#include "common/deadline.h"
#include "common/watch.h"
#include "rproxy/config.h"
#include "rproxy/upstream/health.h"

static const char *const allowed[] = {
	"epoll_wait",
	"epoll_pwait",
	"epoll_ctl",
	"poll",
	"clock_gettime",
	"restart_syscall",
	/* servers, the master, the log */
	"socket",
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
	/* memory */
	"brk",
	"mmap",
	"munmap",
	"mremap",
	"mprotect",
	"madvise",
	"futex",
	/* the end, also by abort() */
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sigaltstack",
	"gettid",
	"tgkill",
	"exit",
	"exit_group",
};

enum probe_state {
	PROBE_RESTING,
	PROBE_ASKING,
	PROBE_CLOSING,
};

struct probe {
	struct prober *home; /* borrowed, as are the next two */
	const struct pool_conf *pool;
	const struct server_conf *server;
	enum probe_state state;
	struct resolve resolve;
	unsigned address; /* of those, the one that is asked */
	struct watch watch;
	struct deadline deadline;
	char *request; /* owned */
	uint64_t key;
	struct health_count count;
	char in[16]; /* the status line as far as it matters */
	size_t n_in;
	bool is_sent;
};

struct prober {
	uv_loop_t loop;
	struct bundle *bundle; /* owned, as are the next two */
	struct rproxy_config *config;
	struct deadlines *deadlines;
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
	rest(container_of(w, struct probe, watch));
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

/* The end of a probe whose watch is open. */
static void
finish(struct probe *p, bool good, const char *why)
{
	note(p, good, why);
	p->state = PROBE_CLOSING;
	deadline_clear(&p->deadline);
	watch_close(&p->watch, on_closed);
}

static bool
is_connected(struct probe *p, int *error)
{
	socklen_t len = sizeof(*error);

	if (getsockopt(p->watch.fd, SOL_SOCKET, SO_ERROR, error, &len) != 0)
		*error = errno;
	return *error == 0;
}

static void
send_request(struct probe *p)
{
	size_t len = strlen(p->request);
	int error = 0;

	if (!is_connected(p, &error)) {
		finish(p, false, strerror(error));
		return;
	}
	/* it fits into the buffer of a connection just made */
	if (send(p->watch.fd, p->request, len, MSG_NOSIGNAL) != (ssize_t)len) {
		finish(p, false, "the request cannot be sent");
		return;
	}
	p->is_sent = true;
	watch_want(&p->watch, WATCH_READ);
}

static void
read_answer(struct probe *p)
{
	char why[32] = "no answer of HTTP";
	unsigned status = 0;
	ssize_t n = recv(p->watch.fd, p->in + p->n_in, sizeof(p->in) - p->n_in,
	    MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		finish(p, false, n < 0 ? strerror(errno) : "closed");
		return;
	}
	p->n_in += (size_t)n;
	switch (health_read((struct slice){ p->in, p->n_in }, &status)) {
	case HEALTH_MORE:
		return;
	case HEALTH_GOOD:
		finish(p, true, NULL);
		return;
	case HEALTH_BAD:
		break;
	}
	if (status != 0)
		(void)snprintf(why, sizeof(why), "status %u", status);
	finish(p, false, why);
}

static void
on_ready(struct watch *w, unsigned events)
{
	struct probe *p = container_of(w, struct probe, watch);

	(void)events;
	if (p->state != PROBE_ASKING)
		return;
	if (p->is_sent)
		read_answer(p);
	else
		send_request(p);
}

/* False: errno. */
static bool
begin_connect(struct probe *p)
{
	const struct resolve *r = &p->resolve;
	const struct addr *a = &r->addr[p->address % r->n_addr];
	int fd = socket(
	    a->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return false;
	if ((connect(fd, &a->u.sa, a->len) == 0 || errno == EINPROGRESS) &&
	    watch_open(&p->watch, &p->home->loop, fd, on_ready))
		return true;
	error = errno;
	(void)close(fd);
	errno = error;
	return false;
}

static void
ask(struct probe *p)
{
	p->n_in = 0;
	p->is_sent = false;
	if (p->resolve.n_addr == 0) {
		note(p, false, "its name cannot be resolved");
		rest(p);
		return;
	}
	if (!begin_connect(p)) {
		note(p, false, strerror(errno));
		rest(p);
		return;
	}
	p->state = PROBE_ASKING;
	watch_want(&p->watch, WATCH_WRITE);
	deadline_set(&p->deadline, p->pool->connect_timeout_ms);
}

static void
on_deadline(struct deadline *d)
{
	struct probe *p = container_of(d, struct probe, deadline);

	switch (p->state) {
	case PROBE_RESTING:
		ask(p);
		return;
	case PROBE_ASKING:
		finish(p, false, "no answer in time");
		return;
	case PROBE_CLOSING:
		return;
	}
}

/* all of them -------------------------------------------------------------- */

static char *
request_of(const struct site_conf *site, const struct pool_conf *pool)
{
	size_t room = strlen(pool->health) + strlen(site->name) + 128;
	char *text = mem_need(room);
	bool wild = site->name[0] == '*';

	(void)snprintf(text, room,
	    "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: rproxy prober\r\n"
	    "Accept: */*\r\nConnection: close\r\n\r\n",
	    pool->health, wild ? site->name + 2 : site->name);
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
	p->request = request_of(site, pool);
	p->key = health_key(site, pool, server);
	p->count.down = health_is_down(w->page, p->key);
	if (!resolve_start(&p->resolve, server->host, server->port, &error))
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
		if (!pool->server[i].https)
			probe_init(
			    w, &w->probe[w->n++], site, pool, &pool->server[i]);
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

	w->bundle = bundle_open(in->bundle_fd);
	if (w->bundle == NULL)
		child_fail("the configuration did not arrive");
	w->config = rproxy_config_read(in->config, w->bundle, faults);
	if (conf_n_errors(faults) > 0)
		child_fail("%s", conf_fault_text(faults, 0));
	conf_faults_free(faults);
	w->page = state_page_map("rproxy", &health_state, in->state_fd);
	if (w->page == NULL)
		child_fail("the page of server states did not arrive");
}

static void
lock_up(const struct prober *w)
{
	const char *all[ARRAY_LEN(allowed) + RESOLVE_MAX_CALLS];
	const struct privdrop drop = { .user = w->config->user };
	struct sandbox_rules rules = { .allow = all,
		.n_allow = ARRAY_LEN(allowed) };
	const char *error;

	memcpy(all, allowed, sizeof(allowed));
	if (has_names(w))
		rules.n_allow += resolve_calls(all + ARRAY_LEN(allowed));
	if (!privdrop(&drop, &error) || !sandbox_enter(&rules, &error))
		child_fail("%s", error);
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
	w.deadlines = deadlines_new(&w.loop);
	deadline_init(&w.refresh, w.deadlines, on_refresh);
	add_all(&w);
	lock_up(&w);
	start_all(&w);
	if (has_names(&w))
		deadline_set(&w.refresh, RESOLVE_EVERY_MS);
	child_attach(&w.loop, on_order, &w);
	child_ready();
	watch_run(&w.loop);
	return 0;
}
