/*
 * An rproxy worker: start, orders from the master, end.  Runs in the worker.
 *
 *	inheritance -> configuration -> server names resolved
 *	            -> privileges dropped, sandbox closed -> ready -> loop
 *
 * Leaving: a drain closes the listening sockets, makes each connection's next
 * response its last, and ends with the last connection or after the time that
 * the master gave.
 */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/sandbox.h"
#include "common/watch.h"
#include "rproxy/exchange.h"
#include "rproxy/front/acceptor.h"
#include "rproxy/lock_up.h"
#include "rproxy/metrics_table.h"
#include "rproxy/worker.h"

/* The last of a crowd leave a little later than the others. */
#define GIVE_BACK_MS 2000

/*
 * Found with strace, once under load and once through start, drain and end.
 */
static const char *const allowed[] = {
	SANDBOX_LOOP,
	"gettimeofday",
	/* clients, servers, the master, the logs */
	"accept4",
	"connect",
	"read",
	"recvfrom",
	"recvmsg",
	"write",
	"writev",
	"splice",
	"sendto",
	"sendmsg",
	"shutdown",
	"close",
	"getsockname",
	"getsockopt",
	"setsockopt",
	"ioctl",
	"fcntl",
	/* who it is that connects */
	"geteuid",
	"getpid",
	SANDBOX_MEMORY,
	SANDBOX_END,
};

struct worker {
	uv_loop_t loop;
	struct rproxy_config *config; /* owned, as is all that follows */
	struct metrics *metrics;
	struct stream_home streams;
	struct deadlines *deadlines;
	struct site_names *names;
	struct upstream *upstream;
	struct access_log *log;
	struct front front;
	struct exchanges exchanges;
	struct acceptor *acceptors; /* n */
	unsigned n_acceptors;
	struct deadline drain;
	struct mem_crowd crowd; /* of clients */
	struct deadline give_back;
	bool leaving;
};

/* start ------------------------------------------------------------------- */

static void
read_config(struct worker *w, const struct inheritance *in)
{
	struct conf_faults *faults = conf_faults_new();

	w->config =
	    rproxy_config_read(in->config, child_take_bundle(in), faults);
	child_check_config(faults);
	site_list_forget_entries(&w->config->sites);
}

/* Each exchange needs two descriptors, and the usual 1024 are soon gone. */
static void
raise_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) != 0)
		return;
	l.rlim_cur = l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l);
}

static void
start_acceptors(struct worker *w, const struct inheritance *in)
{
	const struct rproxy_config *c = w->config;

	w->acceptors = mem_need((in->n_listen + 1) * sizeof(*w->acceptors));
	for (size_t i = 0; i < c->n_listen; i++)
		for (size_t k = 0; k < c->listen[i].n_address; k++) {
			CHECK(w->n_acceptors < in->n_listen);
			if (!acceptor_open(&w->acceptors[w->n_acceptors],
				&w->front, &c->listen[i],
				&c->listen[i].address[k],
				in->listen_fd[w->n_acceptors]))
				child_fail("listen %s: cannot be watched",
				    c->listen[i].name);
			w->n_acceptors++;
		}
}

/* the end ----------------------------------------------------------------- */

static void
on_room(struct front *f)
{
	struct worker *w = container_of(f, struct worker, front);

	if (w->leaving && f->n_conns == 0)
		watch_stop(&w->loop);
	if (w->leaving)
		return;
	if (mem_crowd_has_gone(&w->crowd, f->n_conns) &&
	    !deadline_is_set(&w->give_back))
		deadline_set(&w->give_back, GIVE_BACK_MS);
	for (unsigned i = 0; i < w->n_acceptors; i++)
		acceptor_resume(&w->acceptors[i]);
}

static void
on_give_back(struct deadline *d)
{
	struct worker *w = container_of(d, struct worker, give_back);

	mem_give_back(&w->crowd, w->front.n_conns);
}

static void
on_drain_told(struct front *f, uint32_t generation)
{
	struct worker *w = container_of(f, struct worker, front);

	upstream_renew_egress(w->upstream);
	if (!child_tell(generation))
		log_warning("the other workers were not told that tlsd drains");
}

static void
cut(struct worker *w)
{
	w->leaving = true;
	front_cut(&w->front);
	watch_stop(&w->loop);
}

static void
drain(struct worker *w, uint64_t at_most_ms)
{
	if (!w->leaving) {
		w->leaving = true;
		for (unsigned i = 0; i < w->n_acceptors; i++)
			acceptor_close(&w->acceptors[i]);
		front_drain(&w->front);
	}
	if (at_most_ms == 0 || w->front.n_conns == 0)
		cut(w);
	else
		deadline_set(&w->drain, at_most_ms);
}

static void
on_drained(struct deadline *d)
{
	struct worker *w = container_of(d, struct worker, drain);

	log_warning("drain_timeout: %u connections are cut", w->front.n_conns);
	cut(w);
}

static void
on_order(const struct child_order *o, void *ctx)
{
	struct worker *w = ctx;

	switch (o->what) {
	case CHILD_DRAIN:
		drain(w, o->value);
		break;
	case CHILD_STOP:
		cut(w);
		break;
	case CHILD_ACCESS_LOG:
		if (o->fd < 0)
			return;
		access_log_replace(w->log, (unsigned)o->value, o->fd);
		return;
	case CHILD_TELL:
		front_drain_generation(&w->front, (uint32_t)o->value);
		upstream_renew_egress(w->upstream);
		break;
	case CHILD_PEER:
	case CHILD_FILES:
	case CHILD_LOG:
	case CHILD_LAST:
	case CHILD_NOTHING:
		break;
	}
	if (o->fd >= 0)
		(void)close(o->fd);
}

/* Connections still open go with the process. */
static void
fini(struct worker *w)
{
	access_log_end(w->log);
	exchanges_fini(&w->exchanges);
	stream_home_fini(&w->streams);
}

int
rproxy_worker_main(const struct inheritance *in)
{
	static struct worker w;

	(void)signal(SIGPIPE, SIG_IGN);
	tzset(); /* reads a file, which the sandbox forbids later */
	raise_descriptors();
	if (uv_loop_init(&w.loop) < 0 || !watch_init(&w.loop))
		child_fail("the event loop does not start");
	read_config(&w, in);
	w.metrics = metrics_open(
	    rproxy_metrics, rproxy_n_metrics, in->metrics_fd, in->slot);
	stream_home_init(&w.streams, &w.loop);
	stream_home_open_pipe(&w.streams);
	w.deadlines = deadlines_new(&w.loop);
	deadline_init(&w.drain, w.deadlines, on_drained);
	deadline_init(&w.give_back, w.deadlines, on_give_back);
	w.names = site_names_new(&w.config->sites);
	w.upstream = upstream_new(&w.config->sites, w.config->egress,
	    &w.streams, w.deadlines, w.metrics);
	upstream_watch_health(
	    w.upstream, state_page_map("rproxy", &health_state, in->state_fd));
	w.log = access_log_new(
	    w.config, in->access_log_fd, in->n_access_log, w.deadlines);
	front_init(&w.front, w.config, &w.streams, w.deadlines, w.metrics,
	    &exchange_handler, &w.exchanges);
	w.front.on_room = on_room;
	w.front.on_drain_told = on_drain_told;
	exchanges_init(&w.exchanges, &w.front, w.upstream, w.names, w.log,
	    w.metrics, in->index);
	lock_up(w.config, allowed, ARRAY_LEN(allowed),
	    upstream_has_names(w.upstream));
	start_acceptors(&w, in);
	upstream_start(w.upstream);
	child_attach(&w.loop, on_order, &w);
	child_ready();
	watch_run(&w.loop);
	fini(&w);
	return 0;
}
