/*
 * The master's life after its configuration has been read.  Runs in the
 * master.
 *
 *	STARTING -> RUNNING -> DRAINING -> (exit)
 *	    |          |           |
 *	    +----------+-----------+--> STOPPING -> (exit)
 *
 *	STARTING  the first generation; if it fails, so do we
 *	RUNNING   active serves; during a reload candidate is being started
 *	DRAINING  TERM, INT, another master has taken over: listening sockets
 *		  are closed, children finish
 *	STOPPING  QUIT, a second TERM, a failed start: children leave at once
 *
 * Owns everything that outlives a generation: the listening sockets, the
 * shared pages of metrics and state, the admin socket.
 */
#include <errno.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/expiry.h"
#include "common/listen.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/ready.h"
#include "common/supervisor_state.h"

#define STATE_NAME "state" /* in the service manager's store */
#define MINUTE_MS 60000
#define DAY_MS (UINT64_C(24) * 3600 * 1000)

/* the end ---------------------------------------------------------------- */

void
supervisor_finish_if_empty(struct supervisor *s)
{
	if (s->phase != PHASE_DRAINING && s->phase != PHASE_STOPPING)
		return;
	if (s->active == NULL && s->candidate == NULL && s->n_leaving == 0)
		uv_stop(&s->loop);
}

static void
close_sockets(struct supervisor *s)
{
	/* the master that is starting has the sockets, and needs their files */
	if (s->giver != NULL)
		supervisor_leave_files(s);
	supervisor_stop_giving(s);
	listeners_keep(s->listeners, NULL);
	admin_close(s->admin);
	admin_close(s->fresh_admin);
	s->admin = NULL;
	s->fresh_admin = NULL;
}

void
supervisor_add_leaving(struct supervisor *s, struct generation *g)
{
	CHECK(s->n_leaving < LEAVING_MAX);
	s->leaving[s->n_leaving++] = g;
}

/* Gives the generations in being to the leaving ones. */
static void
retire_all(struct supervisor *s)
{
	if (s->candidate != NULL)
		supervisor_add_leaving(s, s->candidate);
	if (s->active != NULL)
		supervisor_add_leaving(s, s->active);
	s->candidate = NULL;
	s->active = NULL;
}

void
supervisor_stop(struct supervisor *s)
{
	if (s->phase == PHASE_STOPPING)
		return;
	log_info("stopping at once");
	ready_tell(READY_STOPPING);
	s->phase = PHASE_STOPPING;
	close_sockets(s);
	retire_all(s);
	for (unsigned i = 0; i < s->n_leaving; i++)
		generation_stop(s->leaving[i]);
	supervisor_finish_if_empty(s);
}

void
supervisor_drain(struct supervisor *s, bool is_replaced)
{
	if (s->phase != PHASE_RUNNING) {
		supervisor_stop(s);
		return;
	}
	log_info("draining");
	ready_tell(READY_STOPPING);
	s->phase = PHASE_DRAINING;
	close_sockets(s);
	if (s->candidate != NULL)
		generation_stop(s->candidate);
	if (!is_replaced)
		generation_is_last(s->active);
	generation_drain(
	    s->active, generation_plan(s->active)->drain_timeout_ms);
	retire_all(s);
}

/* while it runs ----------------------------------------------------------- */

/* False: the active generation's stay as they were, and the log says why. */
static bool
reopen_logs(struct supervisor *s)
{
	for (unsigned i = 0; i < s->n_leaving; i++)
		(void)generation_reopen_logs(s->leaving[i]);
	if (s->candidate != NULL)
		(void)generation_reopen_logs(s->candidate);
	if (s->active == NULL || !generation_reopen_logs(s->active))
		return false;
	supervisor_use_log(s);
	log_info("log files reopened");
	return true;
}

/*
 * Syslog's daemon may be started anew.  No child could connect to it again: a
 * sandbox has no such call, or no such path.
 */
static void
on_log_look(struct deadline *d)
{
	struct supervisor *s = container_of(d, struct supervisor, log_look);

	if (s->active == NULL)
		return;
	deadline_set(d, LOG_LOOK_MS);
	if (log_files_are_stale(generation_logs(s->active)) && reopen_logs(s))
		log_warning("syslog was started anew: lines from before may be "
			    "lost");
}

static void
on_signal(enum signal_order order, void *ctx)
{
	struct supervisor *s = ctx;

	switch (order) {
	case SIGNAL_DRAIN:
		supervisor_drain(s, false);
		break;
	case SIGNAL_STOP:
		supervisor_stop(s);
		break;
	case SIGNAL_RELOAD:
		supervisor_reload(s);
		break;
	case SIGNAL_REOPEN:
		(void)reopen_logs(s);
		break;
	}
}

void
supervisor_warn_of_expiry(struct supervisor *s)
{
	s->warned_ms = clock_monotonic_ms();
	expiry_warn(generation_plan(s->active), (int64_t)clock_now_ms() / 1000);
}

static void
on_minute(struct deadline *d)
{
	struct supervisor *s = container_of(d, struct supervisor, minute);
	uint64_t now_ms = clock_monotonic_ms();

	if (s->active != NULL)
		state_page_turn(
		    s->state, generation_plan(s->active)->keep_ms, now_ms);
	if (s->phase == PHASE_RUNNING && now_ms - s->warned_ms >= DAY_MS)
		supervisor_warn_of_expiry(s);
	deadline_set(d, MINUTE_MS);
}

/* the whole -------------------------------------------------------------- */

static void
seal(struct plan *p, const struct bundle *b, struct conf_faults *f)
{
	p->bundle_fd = bundle_seal(b);
	if (p->bundle_fd < 0)
		conf_error(f, (struct conf_place){ p->config, 0 },
		    "cannot be handed to the children: %s", strerror(errno));
}

bool
supervisor_read_plan(const struct daemon_desc *d, const char *path,
    struct plan *out, struct conf_faults *f)
{
	struct bundle *b = bundle_new();

	plan_init(out, path);
	d->read_plan(path, b, out, f);
	if (conf_n_errors(f) == 0)
		plan_check(out, f);
	if (conf_n_errors(f) == 0)
		seal(out, b, f);
	bundle_free(b);
	mem_trim();
	return conf_n_errors(f) == 0;
}

/* As many descriptors as we may have; nothing inherited by accident. */
static void
prepare_process(struct supervisor *s)
{
	size_t room = sizeof(s->executable);
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	/* resolved now: a binary put in its place is what a reload starts */
	if (uv_exepath(s->executable, &room) < 0)
		fatal("cannot find our own executable");
	listen_inherit();
	close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	prctl(PR_SET_DUMPABLE, 0);
	ready_init();
}

static void
init(struct supervisor *s, const struct daemon_desc *d, const char *config)
{
	s->daemon = d;
	s->config = config;
	s->former = -1;
	s->reload_result = "none";
	log_init(d->name, LOG_TO_STREAM, STDERR_FILENO, LOG_LEVEL_INFO);
	log_set_process("master");
	prepare_process(s);
	if (uv_loop_init(&s->loop) < 0)
		fatal("cannot make an event loop");
	s->home = (struct process_home){ .loop = &s->loop,
		.wheel = deadlines_new(&s->loop),
		.executable = s->executable,
		.daemon = d->name };
	s->metrics = metrics_new(d->metrics, d->n_metrics);
	s->listeners = listeners_new();
	s->signals = signals_start(&s->loop, on_signal, s);
	deadline_init(&s->minute, s->home.wheel, on_minute);
	deadline_init(&s->log_look, s->home.wheel, on_log_look);
}

/* From the master before us, from the service manager, or made anew. */
static void
open_state(struct supervisor *s, const struct plan *first)
{
	const struct state_desc *d = &s->daemon->state;
	int kept = listen_take_kept(STATE_NAME);

	if (s->state == NULL && kept >= 0)
		s->state = state_page_adopt(s->daemon->name, d, kept);
	else if (kept >= 0)
		close(kept);
	if (s->state == NULL)
		s->state = state_page_new(s->daemon->name, d);
	s->home.state_fd = state_page_reader_fd(s->state);
	s->home.state_writer_fd = state_page_fd(s->state);
	ready_keep(state_page_fd(s->state), STATE_NAME);
	state_page_turn(s->state, first->keep_ms, clock_monotonic_ms());
	deadline_set(&s->minute, MINUTE_MS);
}

static void
fini(struct supervisor *s)
{
	close_sockets(s);
	signals_stop(s->signals);
	deadline_fini(&s->minute);
	deadline_fini(&s->log_look);
	deadlines_free(s->home.wheel);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	CHECK(uv_loop_close(&s->loop) == 0);
	listeners_free(s->listeners);
	state_page_free(s->state);
}

int
supervisor_run(const struct daemon_desc *d, const char *config,
    struct plan *first, bool takes_over)
{
	static struct supervisor s; /* there is one in a process */
	const char *error;
	bool good;

	init(&s, d, config);
	good = !takes_over || supervisor_take_over(&s, first, &error);
	open_state(&s, first);
	if (good && supervisor_begin(&s, first, &error)) {
		uv_run(&s.loop, UV_RUN_DEFAULT);
	} else {
		log_error("cannot start: %s", error);
		s.exit_status = 1;
	}
	fini(&s);
	return s.exit_status;
}
