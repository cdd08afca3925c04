/*
 * One generation follows the other.  Runs in the master.
 *
 *	(plan) -> candidate -> active -> leaving -> (gone)
 *		      |
 *		      +-> (failed): the active one goes on
 *
 * Generations that drain keep their log files and their plan until they are
 * gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/listen.h"
#include "common/log.h"
#include "common/ready.h"
#include "common/supervisor_state.h"

static const struct generation_events generation_events;

void
supervisor_use_log(struct supervisor *s)
{
	const struct log_files *l = generation_logs(s->active);
	int fd = fcntl(l->error_fd, F_DUPFD_CLOEXEC, 3);

	deadline_clear(&s->log_look);
	if (l->kind == LOG_TO_SYSLOG)
		deadline_set(&s->log_look, LOG_LOOK_MS);
	if (fd < 0) {
		log_error("log: %s", strerror(errno));
		return;
	}
	log_init(s->daemon->name, l->kind, fd,
	    generation_plan(s->active)->log_level);
}

/* beginning --------------------------------------------------------------- */

/* What a generation that did not come about had opened. */
static void
close_unused(struct supervisor *s)
{
	if (s->phase == PHASE_RUNNING)
		listeners_keep(s->listeners, generation_plan(s->active));
	admin_close(s->fresh_admin);
	s->fresh_admin = NULL;
}

bool
supervisor_begin(struct supervisor *s, struct plan *p, const char **error)
{
	int listen_fd[CHILD_MAX_LISTEN];
	struct log_files logs = { .error_fd = -1 };

	if (s->n_leaving + 2 >= LEAVING_MAX) {
		*error = "too many generations are still draining";
		return false;
	}
	if (!listeners_take(s->listeners, p, listen_fd, error) ||
	    !log_files_open(&logs, p, error) ||
	    !supervisor_open_admin(s, p, error)) {
		log_files_close(&logs);
		close_unused(s);
		return false;
	}
	s->candidate = generation_new(&s->home, s->metrics,
	    state_page_next_generation(s->state), p, &logs, listen_fd,
	    &generation_events, s);
	generation_start(s->candidate);
	return true;
}

static void
reload_failed(struct supervisor *s, const char *why)
{
	log_error("reload failed, generation %u goes on: %s",
	    generation_number(s->active), why);
	s->counts.reloads_failed++;
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

void
supervisor_reload(struct supervisor *s)
{
	struct conf_faults *f;
	struct plan p;
	const char *error;

	if (s->giver != NULL)
		log_warning("the reload waits: another master is taking over");
	if (s->phase == PHASE_STARTING || s->candidate != NULL ||
	    s->giver != NULL) {
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
		reload_failed(s, text_of(f, conf_first_error(f)));
	} else {
		log_faults(f);
		if (!supervisor_begin(s, &p, &error))
			reload_failed(s, error);
	}
	plan_fini(&p);
	conf_faults_free(f);
}

void
supervisor_reload_if_asked_again(struct supervisor *s)
{
	if (!s->reload_again)
		return;
	s->reload_again = false;
	supervisor_reload(s);
}

/* events ------------------------------------------------------------------ */

static struct master_restarts *
restarts_of(struct supervisor *s, const char *role)
{
	struct master_restarts *r = s->counts.restarts;

	while (r->role != NULL && strcmp(r->role, role) != 0)
		CHECK(++r < s->counts.restarts + PLAN_MAX_ROLES);
	r->role = role;
	return r;
}

static void
note_reload(struct supervisor *s, const struct plan *p)
{
	for (unsigned i = 0; i < p->n_role; i++)
		(void)restarts_of(s, p->role[i].name);
	if (s->phase == PHASE_RUNNING) {
		s->reload_result = "ok";
		s->counts.reloads_ok++;
	}
	s->reload_error[0] = '\0';
}

static void
dismiss_former(struct supervisor *s)
{
	if (s->former < 0)
		return;
	takeover_finish(s->former);
	s->former = -1;
	listen_end_adoption();
}

static void
on_complete(struct generation *g, void *ctx)
{
	struct supervisor *s = ctx;
	const struct plan *p = generation_plan(g);
	struct generation *old = s->active;

	s->candidate = NULL;
	s->active = g;
	state_page_turn(s->state, p->keep_ms, clock_monotonic_ms());
	listeners_keep(s->listeners, p);
	supervisor_adopt_admin(s, p);
	supervisor_use_log(s);
	note_reload(s, p);
	s->phase = PHASE_RUNNING;
	log_info("%s %s: generation %u serves", s->daemon->name, VERSION,
	    generation_number(g));
	dismiss_former(s);
	ready_tell(READY_UP);
	supervisor_warn_of_expiry(s);
	listeners_warn_unused(p, s->admin != NULL ? admin_fd(s->admin) : -1);
	if (old != NULL) {
		supervisor_add_leaving(s, old);
		generation_drain(old, p->drain_timeout_ms);
	}
	supervisor_reload_if_asked_again(s);
}

static void
on_failed(struct generation *g, const char *why, void *ctx)
{
	struct supervisor *s = ctx;

	s->candidate = NULL;
	close_unused(s);
	if (s->phase == PHASE_RUNNING) {
		reload_failed(s, why);
		supervisor_reload_if_asked_again(s);
	} else {
		log_error("cannot start: %s", why);
		s->exit_status = 1;
		supervisor_stop(s);
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
	supervisor_finish_if_empty(s);
}

static void
on_stale(struct generation *g, void *ctx)
{
	struct supervisor *s = ctx;

	if (s->phase != PHASE_RUNNING || g != s->active || s->candidate != NULL)
		return;
	log_warning("files may have changed since the last reload");
	supervisor_reload(s);
}

static void
on_crash(struct generation *g, const char *role, void *ctx)
{
	struct supervisor *s = ctx;

	(void)g;
	restarts_of(s, role)->n++;
}

static void
on_tell(
    struct generation *g, const struct process *from, uint64_t value, void *ctx)
{
	struct supervisor *s = ctx;

	(void)g;
	for (unsigned i = 0; i < s->n_leaving; i++)
		generation_tell(s->leaving[i], from, value);
	if (s->active != NULL)
		generation_tell(s->active, from, value);
	if (s->candidate != NULL)
		generation_tell(s->candidate, from, value);
}

static const struct generation_events generation_events = {
	.on_complete = on_complete,
	.on_failed = on_failed,
	.on_gone = on_gone,
	.on_stale = on_stale,
	.on_crash = on_crash,
	.on_tell = on_tell,
};
