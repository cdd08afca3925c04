/*
 * A tlsd worker: start, orders from the master, end.  Runs in the worker.
 *
 *	inheritance -> configuration, public keys, TLS contexts
 *	            -> privileges dropped, sandbox closed -> ready -> loop
 *
 * After the sandbox is closed no file can be opened and no program started;
 * the only things in reach are the sockets that are held, rproxy's, and https
 * servers that the configuration names (lock_up.c).
 *
 * Leaving: a drain closes the listening sockets, tells rproxy, and ends with
 * the last connection or after the time that the master gave; a stop ends the
 * connections at once.  Those to https servers are rproxy's to end.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/burst.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/watch.h"
#include "tlsd/metrics_table.h"
#include "tlsd/worker/acceptor.h"
#include "tlsd/worker/client_conn.h"
#include "tlsd/worker/egress_conn.h"
#include "tlsd/worker/lock_up.h"
#include "tlsd/worker/relay.h"
#include "tlsd/worker/worker.h"

/* Time for the master to see that the signer has died, if it has. */
#define ASK_PEER_MS 200
/* The last of a crowd leave a little later than the others. */
#define GIVE_BACK_MS 2000
/* No handshake has ended for so long: the storm is over. */
#define QUIET_MS 500
#define OWN_FDS 150 /* of a worker: listeners, loop, channels, log */

/* start ------------------------------------------------------------------- */

/*
 * Buffers of bulk connections come and go with each wake-up.  Left alone,
 * malloc gives such a piece back to the kernel each time and gets it again,
 * page by page: half of the time of a large download.
 */
static void
keep_some_memory(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 2 << 20);
}

static struct tlsd_config *
read_config(const struct inheritance *in)
{
	struct conf_faults *faults = conf_faults_new();
	struct tlsd_config *config =
	    tlsd_config_read(in->config, child_take_bundle(in), faults);

	child_check_config(faults);
	site_list_forget_entries(&config->sites);
	return config;
}

/* Better now than when the clients come. */
static void
check_descriptors(const struct worker *w)
{
	unsigned kinds = w->config->egress != NULL ? 2 : 1;
	uint64_t need =
	    2 * kinds * (uint64_t)w->config->max_connections + OWN_FDS;
	struct rlimit l;

	if (w->index > 0 || getrlimit(RLIMIT_NOFILE, &l) < 0 ||
	    l.rlim_cur >= need)
		return;
	log_warning("max_connections = %u takes %" PRIu64
		    " descriptors and the limit is %" PRIu64
		    ": raise it (LimitNOFILE, ulimit -n), or clients wait",
	    w->config->max_connections, need, (uint64_t)l.rlim_cur);
}

/*
 * The channel to the signer has ended.  When the signer has, the master sends
 * a new one by itself; when it only refused to go on with us, it must be asked.
 */
static void
on_signer_lost(void *ctx)
{
	struct worker *w = ctx;

	metrics_add(w->metrics, TLSD_SIGNER_LOST, 1);
	deadline_set(&w->ask_peer, ASK_PEER_MS);
}

static void
on_ask_peer(struct deadline *d)
{
	struct worker *w = container_of(d, struct worker, ask_peer);

	if (signer_client_is_up(w->signer))
		return;
	child_ask_peer();
	deadline_set(&w->ask_peer, ASK_PEER_MS);
}

static void
open_tls(struct worker *w, const struct inheritance *in)
{
	const struct ticket_keys keys = {
		.page = state_page_map("tlsd", &ticket_state, in->state_fd),
		.file = tlsd_config_ticket_keys(w->config),
	};
	const char *error;

	if (keys.page == NULL)
		child_fail("the page of ticket keys did not arrive");
	CHECK(in->n_peer == 1);
	/* the signer's greeting is waited for, it may be a moment late */
	(void)fcntl(in->peer_fd[0], F_SETFL, 0);
	w->signer = signer_client_new(
	    &w->loop, in->peer_fd[0], tlsd_config_n_keys(w->config), &error);
	if (w->signer == NULL)
		child_fail("signer: %s", error);
	signer_client_on_lost(w->signer, on_signer_lost, w);
	w->contexts = tls_contexts_new(w->config, w->signer, &keys, &error);
	if (w->contexts == NULL || !egress_init(&w->egress, w, &error))
		child_fail("%s", error);
}

static void
lock_up_all(struct worker *w)
{
	struct lock_up_egress needs = egress_servers_needs(w->egress.servers);
	const char *path = lock_up(w->config, &needs);
	struct addr address;

	if (!addr_parse(slice_of(path), &address))
		child_fail("backend = %s: not the path of a socket",
		    w->config->backend);
	backend_init(&w->backend, &address, w->config->backend, w->deadlines,
	    w->metrics, w->config->backend_wait_ms);
}

static void
start_acceptor(struct worker *w, const struct inheritance *in,
    const struct listen_conf *listen, const char *name)
{
	CHECK(w->n_acceptors < in->n_listen);
	if (!acceptor_start(&w->acceptors[w->n_acceptors], w,
		in->listen_fd[w->n_acceptors], listen))
		child_fail("%s: cannot be watched", name);
	w->n_acceptors++;
}

/* In the order of the plan that the master made. */
static void
start_acceptors(struct worker *w, const struct inheritance *in)
{
	const struct tlsd_config *config = w->config;

	w->acceptors = mem_need(in->n_listen * sizeof(*w->acceptors));
	for (size_t i = 0; i < config->n_listen; i++)
		for (size_t k = 0; k < config->listen[i].n_address; k++)
			start_acceptor(
			    w, in, &config->listen[i], config->listen[i].name);
	if (config->egress != NULL)
		start_acceptor(w, in, NULL, "egress");
}

struct slice
worker_next_id(struct worker *w, char out[UNIQUE_ID_MAX])
{
	const struct unique_id id = { .started_ms = w->started_ms,
		.generation = w->generation,
		.worker = w->index,
		.count = ++w->n_announced };

	return unique_id_format(&id, out);
}

/* What has been asked of rproxy is done before the next handshakes. */
static bool
on_turn(void *ctx)
{
	struct worker *w = ctx;
	bool is_more = handshakes_step(&w->handshakes);

	if (is_more && w->has_served)
		(void)sched_yield();
	w->has_served = false;
	return is_more;
}

/* the end ----------------------------------------------------------------- */

static unsigned
count_connections(const struct worker *w)
{
	return w->n_clients + w->egress.n_conns;
}

/*
 * A client's request may be on its way through rproxy to an https server.
 * When nobody takes over, a connection to that server comes from us or not at
 * all, and we would wait for each other: so that socket is left last.
 */
static bool
is_needed(const struct worker *w, const struct acceptor *a)
{
	return a->listen == NULL && w->is_last && w->n_clients > 0;
}

static void
stop_accepting(struct worker *w)
{
	w->is_leaving = true;
	for (size_t i = 0; i < w->n_acceptors; i++)
		if (!is_needed(w, &w->acceptors[i]))
			acceptor_stop(&w->acceptors[i]);
	if (count_connections(w) == 0)
		watch_stop(&w->loop);
}

void
worker_note_left(struct worker *w)
{
	if (w->is_leaving)
		stop_accepting(w);
	if (mem_crowd_has_gone(&w->crowd, w->n_clients) &&
	    !deadline_is_set(&w->give_back))
		deadline_set(&w->give_back, GIVE_BACK_MS);
	worker_note_room(w);
}

static void
on_give_back(struct deadline *d)
{
	struct worker *w = container_of(d, struct worker, give_back);

	(void)tls_io_give_back();
	mem_give_back(&w->crowd, w->n_clients);
}

void
worker_note_shaken(struct worker *w)
{
	if (++w->n_shaken >= MEM_CROWD_MIN)
		deadline_set(&w->quiet, QUIET_MS);
	worker_note_room(w);
}

/*
 * Handshakes that were under way at the same time have left stacks, and holes
 * as large as their buffers, between what their connections hold.
 */
static void
on_quiet(struct deadline *d)
{
	struct worker *w = container_of(d, struct worker, quiet);

	if (w->handshakes.n > 0) /* the end of that one sets it anew */
		return;
	if (!tls_io_give_back()) { /* an https server's waits for the signer */
		deadline_set(&w->quiet, QUIET_MS);
		return;
	}
	w->n_shaken = 0;
	mem_give_back(&w->crowd, w->n_clients);
}

void
worker_note_room(struct worker *w)
{
	if (w->is_leaving)
		return;
	for (size_t i = 0; i < w->n_acceptors; i++)
		acceptor_resume(&w->acceptors[i]);
}

static void
stop(struct worker *w)
{
	w->is_last = false;
	stop_accepting(w);
	client_conn_end_all(w, true);
	egress_conn_end_all(&w->egress);
}

static void
on_drained(struct deadline *d)
{
	struct worker *w = container_of(d, struct worker, drain);

	log_warning(
	    "drain_timeout: %u connections are cut", count_connections(w));
	stop(w);
}

static void
drain(struct worker *w, uint64_t at_most_ms)
{
	if (at_most_ms == 0) {
		stop(w);
		return;
	}
	deadline_set(&w->drain, at_most_ms);
	stop_accepting(w);
	client_conn_end_all(w, false);
	backend_tell_draining(&w->backend, w->generation);
}

/* Everything that has a handle is gone or goes with the process. */
static void
fini(struct worker *w)
{
	struct bundle *bundle = w->config->bundle;

	backend_fini(&w->backend);
	deadline_fini(&w->drain);
	deadline_fini(&w->give_back);
	deadline_fini(&w->quiet);
	deadline_fini(&w->ask_peer);
	handshake_report_fini(&w->report);
	address_limit_free(w->addresses);
	egress_fini(&w->egress);
	tls_contexts_free(w->contexts);
	signer_client_free(w->signer);
	mem_free(w->acceptors);
	mem_free(w->scratch);
	tlsd_config_free(w->config);
	bundle_free(bundle);
}

static void
take_files(struct worker *w, int fd)
{
	unsigned n = tls_contexts_take_files(w->contexts, fd);

	metrics_add(w->metrics, TLSD_STAPLES_REJECTED, n);
}

static void
on_order(const struct child_order *o, void *ctx)
{
	struct worker *w = ctx;

	switch (o->what) {
	case CHILD_PEER:
		if (o->value == 0 && o->fd >= 0) {
			signer_client_replace(w->signer, o->fd);
			return;
		}
		break;
	case CHILD_FILES:
		if (o->fd >= 0)
			take_files(w, o->fd);
		return;
	case CHILD_DRAIN:
		drain(w, o->value);
		break;
	case CHILD_LAST:
		w->is_last = true;
		break;
	case CHILD_STOP:
		stop(w);
		break;
	case CHILD_NOTHING:
	case CHILD_LOG:
	case CHILD_ACCESS_LOG:
	case CHILD_TELL:
		break;
	}
	if (o->fd >= 0)
		close(o->fd);
}

/* What the master has sent by now: OCSP staples, before the first client. */
static void
obey_early(struct worker *w)
{
	struct child_order o;

	while ((o = child_next()).what != CHILD_NOTHING)
		on_order(&o, w);
}

int
tlsd_worker_main(const struct inheritance *in)
{
	static struct worker w;

	keep_some_memory();
	w.index = in->index;
	w.generation = in->generation;
	w.started_ms = clock_now_ms();
	w.burst_bytes = burst_bytes();
	TAILQ_INIT(&w.clients);
	if (uv_loop_init(&w.loop) < 0 || !watch_init(&w.loop))
		child_fail("the event loop does not start");
	w.config = read_config(in);
	check_descriptors(&w);
	w.metrics = metrics_open(
	    tlsd_metrics, tlsd_n_metrics, in->metrics_fd, in->slot);
	w.deadlines = deadlines_new(&w.loop);
	deadline_init(&w.drain, w.deadlines, on_drained);
	deadline_init(&w.give_back, w.deadlines, on_give_back);
	deadline_init(&w.quiet, w.deadlines, on_quiet);
	deadline_init(&w.ask_peer, w.deadlines, on_ask_peer);
	handshakes_init(&w.handshakes, w.config->max_handshakes);
	handshake_report_init(&w.report, w.metrics, w.deadlines);
	w.addresses = address_limit_new(w.config->max_connections_per_address);
	w.scratch = mem_need(RELAY_SCRATCH);
	open_tls(&w, in);
	lock_up_all(&w);
	obey_early(&w);
	start_acceptors(&w, in);
	child_attach(&w.loop, on_order, &w);
	mem_trim();
	child_ready();
	watch_each_turn(&w.loop, on_turn, &w);
	watch_run(&w.loop);
	fini(&w);
	return 0;
}
