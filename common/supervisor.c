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
 *	DRAINING  TERM, INT: listening sockets are closed, children finish
 *	STOPPING  QUIT, a second TERM, a failed start: children leave at once
 *
 * Owns everything that outlives a generation: the listening sockets, the
 * shared page of metrics, the admin socket.  Generations that drain keep
 * their log files and their plan until they are gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/admin.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/generation.h"
#include "common/listen.h"
#include "common/listeners.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/ready.h"
#include "common/signals.h"
#include "common/status.h"
#include "common/supervisor.h"

#define LEAVING_MAX 64 /* generations that drain at one time */

enum phase {
	PHASE_STARTING,
	PHASE_RUNNING,
	PHASE_DRAINING,
	PHASE_STOPPING,
};

struct supervisor {
	const struct daemon_desc *daemon;
	const char *config; /* borrowed from the caller of supervisor_run() */
	uv_loop_t loop;
	struct process_home home;
	struct metrics *metrics;
	struct listeners *listeners;
	struct signals *signals;
	struct admin *admin;       /* owned, NULL: none */
	struct admin *fresh_admin; /* owned; that of candidate, if another */
	char executable[4096];
	enum phase phase;
	unsigned last_number;
	struct generation *active;               /* owned, or NULL */
	struct generation *candidate;            /* owned, or NULL */
	struct generation *leaving[LEAVING_MAX]; /* owned, oldest first */
	unsigned n_leaving;
	bool reload_again; /* asked for while candidate was starting */
	const char *reload_result;
	char reload_error[1024];
	int exit_status;
};

/* the end ---------------------------------------------------------------- */

static void
finish_if_empty(struct supervisor *s)
{
	if (s->phase != PHASE_DRAINING && s->phase != PHASE_STOPPING)
		return;
	if (s->active == NULL && s->candidate == NULL && s->n_leaving == 0)
		uv_stop(&s->loop);
}

static void
close_sockets(struct supervisor *s)
{
	listeners_keep(s->listeners, NULL);
	admin_close(s->admin);
	admin_close(s->fresh_admin);
	s->admin = NULL;
	s->fresh_admin = NULL;
}

static void
add_leaving(struct supervisor *s, struct generation *g)
{
	CHECK(s->n_leaving < LEAVING_MAX);
	s->leaving[s->n_leaving++] = g;
}

/* Gives the generations in being to the leaving ones. */
static void
retire_all(struct supervisor *s)
{
	if (s->candidate != NULL)
		add_leaving(s, s->candidate);
	if (s->active != NULL)
		add_leaving(s, s->active);
	s->candidate = NULL;
	s->active = NULL;
}

static void
stop(struct supervisor *s)
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
	finish_if_empty(s);
}

static void
drain(struct supervisor *s)
{
	if (s->phase != PHASE_RUNNING) {
		stop(s);
		return;
	}
	log_info("draining");
	ready_tell(READY_STOPPING);
	s->phase = PHASE_DRAINING;
	close_sockets(s);
	if (s->candidate != NULL)
		generation_stop(s->candidate);
	generation_drain(
	    s->active, generation_plan(s->active)->drain_timeout_ms);
	retire_all(s);
}

/* the admin socket ------------------------------------------------------- */

static bool
is_healthy(const struct supervisor *s)
{
	return s->phase == PHASE_RUNNING && generation_is_complete(s->active);
}

static void
answer(struct slice path, struct admin_answer *out, void *ctx)
{
	const struct supervisor *s = ctx;
	const struct generation *all[LEAVING_MAX + 2];
	struct status st = {
		.daemon = s->daemon->name,
		.version = VERSION,
		.pid = (int)getpid(),
		.now_ms = clock_monotonic_ms(),
		.is_complete = is_healthy(s),
		.metrics = s->metrics,
		.reload_result = s->reload_result,
		.reload_error = s->reload_error,
		.active = s->active,
		.all = all,
	};

	for (unsigned i = 0; i < s->n_leaving; i++)
		all[st.n_all++] = s->leaving[i];
	if (s->active != NULL)
		all[st.n_all++] = s->active;
	if (s->candidate != NULL)
		all[st.n_all++] = s->candidate;
	status_answer(&st, path, out);
}

/*
 * Opens the socket of a new plan beside the present one; adopt_admin() then
 * changes over.
 */
static bool
open_admin(struct supervisor *s, const struct plan *p, const char **error)
{
	if (p->admin == NULL || admin_is_at(s->admin, p->admin))
		return true;
	s->fresh_admin =
	    admin_open(&s->loop, s->home.wheel, p->admin, answer, s, error);
	return s->fresh_admin != NULL;
}

static void
adopt_admin(struct supervisor *s, const struct plan *p)
{
	if (p->admin != NULL && s->fresh_admin == NULL)
		return;
	admin_close(s->admin);
	s->admin = s->fresh_admin;
	s->fresh_admin = NULL;
}

/* log files -------------------------------------------------------------- */

/* The master writes where the active generation does. */
static void
use_log(struct supervisor *s)
{
	const struct log_files *l = generation_logs(s->active);
	int fd = fcntl(l->error_fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0) {
		log_error("log: %s", strerror(errno));
		return;
	}
	log_init(s->daemon->name, l->kind, fd,
	    generation_plan(s->active)->log_level);
}

static void
reopen_logs(struct supervisor *s)
{
	for (unsigned i = 0; i < s->n_leaving; i++)
		generation_reopen_logs(s->leaving[i]);
	if (s->candidate != NULL)
		generation_reopen_logs(s->candidate);
	if (s->active == NULL)
		return;
	generation_reopen_logs(s->active);
	use_log(s);
	log_info("log files reopened");
}

/* generations ------------------------------------------------------------ */

static const struct generation_events generation_events;

/* What a generation that did not come about had opened. */
static void
close_unused(struct supervisor *s)
{
	if (s->phase == PHASE_RUNNING)
		listeners_keep(s->listeners, generation_plan(s->active));
	admin_close(s->fresh_admin);
	s->fresh_admin = NULL;
}

static bool
begin(struct supervisor *s, struct plan *p, const char **error)
{
	int listen_fd[CHILD_MAX_LISTEN];
	struct log_files logs = { .error_fd = -1 };

	if (s->n_leaving + 2 >= LEAVING_MAX) {
		*error = "too many generations are still draining";
		return false;
	}
	if (!listeners_take(s->listeners, p, listen_fd, error) ||
	    !log_files_open(&logs, p, error) || !open_admin(s, p, error)) {
		log_files_close(&logs);
		close_unused(s);
		return false;
	}
	s->candidate = generation_new(&s->home, s->metrics, ++s->last_number, p,
	    &logs, listen_fd, &generation_events, s);
	generation_start(s->candidate);
	return true;
}

static void
reload_failed(struct supervisor *s, const char *why)
{
	log_error("reload failed, generation %u goes on: %s",
	    generation_number(s->active), why);
	s->reload_result = "failed";
	snprintf(s->reload_error, sizeof(s->reload_error), "%s", why);
	ready_tell(READY_UP);
}

/* "error: " and "warning: " are the log's to say. */
static const char *
text_of(const struct conf_faults *f, size_t i)
{
	const char *text = conf_fault_text(f, i);
	const char *colon = text != NULL ? strstr(text, ": ") : NULL;

	return colon != NULL ? colon + 2 : text;
}

static void
log_faults(const struct conf_faults *f)
{
	const char *text;

	for (size_t i = 0; (text = text_of(f, i)) != NULL; i++) {
		if (conf_fault_is_error(f, i))
			log_error("%s", text);
		else
			log_warning("%s", text);
	}
}

static const char *
first_error(const struct conf_faults *f)
{
	size_t i = 0;

	while (!conf_fault_is_error(f, i))
		i++;
	return text_of(f, i);
}

static void
reload(struct supervisor *s)
{
	struct conf_faults *f;
	struct plan p;
	const char *error;

	if (s->phase == PHASE_STARTING || s->candidate != NULL) {
		s->reload_again = true;
		return;
	}
	if (s->phase != PHASE_RUNNING)
		return;
	log_info("reloading %s", s->config);
	ready_tell(READY_RELOADING);
	f = conf_faults_new();
	if (!supervisor_read_plan(s->daemon, s->config, &p, f)) {
		log_faults(f);
		reload_failed(s, first_error(f));
	} else {
		log_faults(f);
		if (!begin(s, &p, &error))
			reload_failed(s, error);
	}
	plan_fini(&p);
	conf_faults_free(f);
}

static void
reload_if_asked_again(struct supervisor *s)
{
	if (!s->reload_again)
		return;
	s->reload_again = false;
	reload(s);
}

static void
on_complete(struct generation *g, void *ctx)
{
	struct supervisor *s = ctx;
	const struct plan *p = generation_plan(g);
	struct generation *old = s->active;

	s->candidate = NULL;
	s->active = g;
	listeners_keep(s->listeners, p);
	adopt_admin(s, p);
	use_log(s);
	if (s->phase == PHASE_RUNNING)
		s->reload_result = "ok";
	s->reload_error[0] = '\0';
	s->phase = PHASE_RUNNING;
	log_info("%s %s: generation %u serves", s->daemon->name, VERSION,
	    generation_number(g));
	ready_tell(READY_UP);
	if (old != NULL) {
		add_leaving(s, old);
		generation_drain(old, p->drain_timeout_ms);
	}
	reload_if_asked_again(s);
}

static void
on_failed(struct generation *g, const char *why, void *ctx)
{
	struct supervisor *s = ctx;

	s->candidate = NULL;
	close_unused(s);
	if (s->phase == PHASE_RUNNING) {
		reload_failed(s, why);
		reload_if_asked_again(s);
	} else {
		log_error("cannot start: %s", why);
		s->exit_status = 1;
		stop(s);
	}
	generation_free(g);
}

static void
on_gone(struct generation *g, void *ctx)
{
	struct supervisor *s = ctx;
	unsigned i = 0;

	while (s->leaving[i] != g)
		CHECK(++i < s->n_leaving);
	s->n_leaving--;
	memmove(&s->leaving[i], &s->leaving[i + 1],
	    (s->n_leaving - i) * sizeof(s->leaving[0]));
	log_info("generation %u has gone", generation_number(g));
	generation_free(g);
	finish_if_empty(s);
}

static void
on_stale(struct generation *g, void *ctx)
{
	struct supervisor *s = ctx;

	if (s->phase != PHASE_RUNNING || g != s->active || s->candidate != NULL)
		return;
	log_warning("files may have changed since the last reload");
	reload(s);
}

static const struct generation_events generation_events = {
	.on_complete = on_complete,
	.on_failed = on_failed,
	.on_gone = on_gone,
	.on_stale = on_stale,
};

/* the whole -------------------------------------------------------------- */

static void
on_signal(enum signal_order order, void *ctx)
{
	struct supervisor *s = ctx;

	switch (order) {
	case SIGNAL_DRAIN:
		drain(s);
		break;
	case SIGNAL_STOP:
		stop(s);
		break;
	case SIGNAL_RELOAD:
		reload(s);
		break;
	case SIGNAL_REOPEN:
		reopen_logs(s);
		break;
	}
}

bool
supervisor_read_plan(const struct daemon_desc *d, const char *path,
    struct plan *out, struct conf_faults *f)
{
	plan_init(out, path);
	d->read_plan(path, out, f);
	if (conf_n_errors(f) == 0)
		plan_check(out, f);
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
}

static void
fini(struct supervisor *s)
{
	close_sockets(s);
	signals_stop(s->signals);
	deadlines_free(s->home.wheel);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	CHECK(uv_loop_close(&s->loop) == 0);
	listeners_free(s->listeners);
}

int
supervisor_run(
    const struct daemon_desc *d, const char *config, struct plan *first)
{
	static struct supervisor s; /* there is one in a process */
	const char *error;

	init(&s, d, config);
	if (begin(&s, first, &error)) {
		uv_run(&s.loop, UV_RUN_DEFAULT);
	} else {
		log_error("cannot start: %s", error);
		s.exit_status = 1;
	}
	fini(&s);
	return s.exit_status;
}
