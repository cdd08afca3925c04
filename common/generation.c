/*
 * A complete set of children made from one plan.  Runs in the master; owned
 * by the supervisor, which decides when one generation follows another.
 */
#include <errno.h>
#include <string.h>

#include "common/channels.h"
#include "common/check.h"
#include "common/generation.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/watched_files.h"

#define KILL_AFTER_MS 2000 /* beyond the time given for draining */
#define REPORTED_CRASHES 5

enum generation_state {
	GENERATION_STARTING,
	GENERATION_ACTIVE,
	GENERATION_LEAVING,
	GENERATION_FAILED,
};

struct generation {
	struct metrics *metrics; /* borrowed from the supervisor */
	unsigned number;
	enum generation_state state;
	struct plan plan;
	struct log_files logs;
	struct watched_files *files;     /* owned */
	int listen_fd[CHILD_MAX_LISTEN]; /* borrowed from the listeners */
	const struct generation_events *events;
	void *ctx;
	unsigned role; /* STARTING, LEAVING: the one it is about */
	uint64_t drain_ms;
	struct deadline limit;
	char why[700]; /* FAILED */
	unsigned n_process;
	struct process process[]; /* role by role */
};

/* roles and places ------------------------------------------------------- */

static unsigned
first_of_role(const struct generation *g, unsigned role)
{
	unsigned n = 0;

	for (unsigned i = 0; i < role; i++)
		n += g->plan.role[i].count;
	return n;
}

static const struct plan_role *
role_of(const struct generation *g, const struct process *p)
{
	unsigned n = (unsigned)(p - g->process), role = 0;

	while (n >= first_of_role(g, role + 1))
		role++;
	return &g->plan.role[role];
}

/* True when every child of this role is in this state. */
static bool
role_is(const struct generation *g, unsigned role, enum process_state state)
{
	unsigned i = first_of_role(g, role);
	unsigned end = first_of_role(g, role + 1);

	for (; i < end; i++)
		if (g->process[i].state != state)
			return false;
	return true;
}

static bool
all_are(const struct generation *g, enum process_state state)
{
	for (unsigned i = 0; i < g->n_process; i++)
		if (g->process[i].state != state)
			return false;
	return true;
}

/* starting --------------------------------------------------------------- */

static void
fill_inheritance(
    const struct generation *g, const struct process *p, struct inheritance *in)
{
	CHECK(strlen(g->plan.config) < sizeof(in->config));
	memset(in, 0, sizeof(*in));
	strncpy(in->role, p->role, sizeof(in->role) - 1);
	strncpy(in->config, g->plan.config, sizeof(in->config) - 1);
	in->index = p->index;
	in->count = role_of(g, p)->count;
	in->generation = g->number;
	in->slot = (unsigned)p->slot;
	in->log_level = g->plan.log_level;
	in->log_kind = g->logs.kind;
	in->bundle_fd = g->plan.bundle_fd;
	in->metrics_fd = metrics_fd(g->metrics);
	in->log_fd = g->logs.error_fd;
	in->state_fd =
	    role_of(g, p)->writes_state ? p->home->state_writer_fd : -1;
	if (!role_of(g, p)->serves)
		return;
	in->state_fd = p->home->state_fd;
	in->n_listen = g->plan.n_listen;
	memcpy(in->listen_fd, g->listen_fd, sizeof(in->listen_fd));
	in->n_access_log = g->logs.n_access;
	memcpy(in->access_log_fd, g->logs.access_fd, sizeof(in->access_log_fd));
}

static void
send_files(struct generation *g, struct process *p)
{
	if (g->plan.n_watched > 0 && role_of(g, p)->serves &&
	    watched_files_fd(g->files) >= 0)
		process_order(p, CHILD_FILES, 0, watched_files_fd(g->files));
}

static void
on_files_changed(void *ctx)
{
	struct generation *g = ctx;

	for (unsigned i = 0; i < g->n_process; i++)
		send_files(g, &g->process[i]);
}

static void
start(struct generation *g, struct process *p)
{
	struct inheritance in;

	p->slot = metrics_take_slot(g->metrics);
	if (p->slot < 0) {
		process_fail_start(p, "too many processes");
		return;
	}
	fill_inheritance(g, p, &in);
	if (channels_give(g->process, g->n_process, p, &in))
		process_start(p, &in);
	else
		process_fail_start(p, strerror(errno));
	channels_close(&in);
	send_files(g, p);
}

static void
start_role(struct generation *g, unsigned role)
{
	unsigned i = first_of_role(g, role);
	unsigned end = first_of_role(g, role + 1);

	g->role = role;
	for (; i < end; i++)
		start(g, &g->process[i]);
}

static void
on_process_ready(struct process *p)
{
	struct generation *g = p->owner;

	if (g->state == GENERATION_ACTIVE && p->restarts > 0)
		log_info("%s %u is back: pid %d", p->role, p->index, p->pid);
	if (g->state != GENERATION_STARTING ||
	    !role_is(g, g->role, PROCESS_READY))
		return;
	if (g->role + 1 < g->plan.n_role) {
		start_role(g, g->role + 1);
		return;
	}
	g->state = GENERATION_ACTIVE;
	g->events->on_complete(g, g->ctx);
}

static void
on_process_restart(struct process *p)
{
	start(p->owner, p);
}

/* ending ----------------------------------------------------------------- */

static void
dismantle(struct generation *g, const struct process *p)
{
	g->state = GENERATION_FAILED;
	snprintf(
	    g->why, sizeof(g->why), "%s %u: %s", p->role, p->index, p->ending);
	for (unsigned i = 0; i < g->n_process; i++)
		process_stop(&g->process[i]);
}

static void
replace(struct generation *g, struct process *p)
{
	log_error("%s %u: %s; starting another in %u ms", p->role, p->index,
	    p->ending, p->delay_ms);
	if (p->crashes_in_row % REPORTED_CRASHES == 0)
		log_error("%s %u has crashed %u times in a row", p->role,
		    p->index, p->crashes_in_row);
	process_restart_later(p);
	g->events->on_crash(g, p->role, g->ctx);
	if (p->has_failed && role_of(g, p)->reload_when_failing)
		g->events->on_stale(g, g->ctx);
}

/*
 * LEAVING: the role before follows when all of a role have gone.  True when
 * nobody is left.
 */
static bool
go_on_leaving(struct generation *g)
{
	while (role_is(g, g->role, PROCESS_VACANT)) {
		unsigned end;

		if (g->role == 0)
			return all_are(g, PROCESS_VACANT);
		end = first_of_role(g, g->role--);
		for (unsigned i = first_of_role(g, g->role); i < end; i++)
			process_drain(&g->process[i], g->drain_ms);
	}
	return false;
}

static void
on_process_end(struct process *p)
{
	struct generation *g = p->owner;

	if (p->slot >= 0)
		metrics_give_slot(g->metrics, (unsigned)p->slot);
	p->slot = -1;
	switch (g->state) {
	case GENERATION_STARTING:
		dismantle(g, p);
		break;
	case GENERATION_ACTIVE:
		replace(g, p);
		return;
	case GENERATION_LEAVING:
		log_debug("%s %u of generation %u %s", p->role, p->index,
		    g->number, p->ending);
		if (go_on_leaving(g))
			g->events->on_gone(g, g->ctx);
		return;
	case GENERATION_FAILED:
		break;
	}
	if (all_are(g, PROCESS_VACANT))
		g->events->on_failed(g, g->why, g->ctx);
}

static void
on_limit(struct deadline *d)
{
	struct generation *g = container_of(d, struct generation, limit);

	if (all_are(g, PROCESS_VACANT)) {
		g->events->on_gone(g, g->ctx);
		return;
	}
	log_warning("generation %u has not gone in time: its children are "
		    "killed",
	    g->number);
	for (unsigned i = 0; i < g->n_process; i++)
		process_kill(&g->process[i]);
}

/* Nobody may be left from the beginning: then the deadline says so. */
static void
leave(struct generation *g, unsigned role, uint64_t drain_ms)
{
	g->state = GENERATION_LEAVING;
	g->role = role;
	g->drain_ms = drain_ms;
	deadline_set(
	    &g->limit, go_on_leaving(g) ? 1 : drain_ms + KILL_AFTER_MS);
}

void
generation_is_last(struct generation *g)
{
	for (unsigned i = 0; i < g->n_process; i++)
		process_order(&g->process[i], CHILD_LAST, 0, -1);
}

void
generation_drain(struct generation *g, uint64_t drain_ms)
{
	unsigned last = g->plan.n_role - 1;

	CHECK(g->state == GENERATION_ACTIVE);
	for (unsigned i = 0; i < g->n_process; i++) {
		struct process *p = &g->process[i];

		if (i >= first_of_role(g, last) || p->state != PROCESS_READY)
			process_drain(p, drain_ms);
	}
	leave(g, last, drain_ms);
}

void
generation_stop(struct generation *g)
{
	for (unsigned i = 0; i < g->n_process; i++)
		process_stop(&g->process[i]);
	leave(g, 0, 0);
}

static void
on_process_peer_broken(struct process *p)
{
	struct generation *g = p->owner;

	log_warning("%s %u gets a new channel", p->role, p->index);
	channels_renew(g->process, p);
}

/* hearsay ---------------------------------------------------------------- */

static void
on_process_tell(struct process *p, uint64_t value)
{
	struct generation *g = p->owner;

	g->events->on_tell(g, p, value, g->ctx);
}

void
generation_tell(
    struct generation *g, const struct process *from, uint64_t value)
{
	for (unsigned i = 0; i < g->n_process; i++) {
		struct process *p = &g->process[i];

		if (p != from && strcmp(p->role, from->role) == 0)
			process_order(p, CHILD_TELL, value, -1);
	}
}

/* log files -------------------------------------------------------------- */

static void
send_logs(struct generation *g, struct process *p)
{
	process_order(p, CHILD_LOG, 0, g->logs.error_fd);
	for (unsigned i = 0; role_of(g, p)->serves && i < g->logs.n_access; i++)
		process_order(p, CHILD_ACCESS_LOG, i, g->logs.access_fd[i]);
}

bool
generation_reopen_logs(struct generation *g)
{
	struct log_files fresh;
	const char *error;

	if (!log_files_open(&fresh, &g->plan, &error)) {
		log_error("%s; the old files stay open", error);
		return false;
	}
	log_files_close(&g->logs);
	g->logs = fresh;
	for (unsigned i = 0; i < g->n_process; i++)
		send_logs(g, &g->process[i]);
	return true;
}

/* making and looking ----------------------------------------------------- */

static const struct process_events process_events = {
	.on_ready = on_process_ready,
	.on_end = on_process_end,
	.on_restart = on_process_restart,
	.on_peer_broken = on_process_peer_broken,
	.on_tell = on_process_tell,
};

static void
init_processes(struct generation *g, const struct process_home *home)
{
	unsigned n = 0;

	for (unsigned role = 0; role < g->plan.n_role; role++)
		for (unsigned i = 0; i < g->plan.role[role].count; i++) {
			struct process *p = &g->process[n++];

			process_init(p, home, &process_events, g);
			p->role = g->plan.role[role].name;
			p->index = i;
			p->has_channel =
			    g->plan.role[role].has_channel_to_first;
		}
}

struct generation *
generation_new(const struct process_home *home, struct metrics *metrics,
    unsigned number, struct plan *plan, struct log_files *logs,
    const int *listen_fd, const struct generation_events *events, void *ctx)
{
	struct generation *g;
	unsigned n = 0;

	for (unsigned role = 0; role < plan->n_role; role++)
		n += plan->role[role].count;
	CHECK(n > 0);
	g = mem_need(sizeof(*g) + n * sizeof(g->process[0]));
	g->n_process = n;
	g->metrics = metrics;
	g->number = number;
	g->state = GENERATION_STARTING;
	g->plan = *plan;
	memset(plan, 0, sizeof(*plan));
	plan->bundle_fd = -1;
	g->logs = *logs;
	logs->error_fd = -1;
	logs->n_access = 0;
	memcpy(g->listen_fd, listen_fd,
	    g->plan.n_listen * sizeof(g->listen_fd[0]));
	g->events = events;
	g->ctx = ctx;
	deadline_init(&g->limit, home->wheel, on_limit);
	init_processes(g, home);
	g->files = watched_files_new(home->wheel, g->plan.watched,
	    g->plan.n_watched, on_files_changed, g);
	return g;
}

void
generation_free(struct generation *g)
{
	if (g == NULL)
		return;
	for (unsigned i = 0; i < g->n_process; i++)
		process_fini(&g->process[i]);
	deadline_fini(&g->limit);
	watched_files_free(g->files);
	log_files_close(&g->logs);
	plan_fini(&g->plan);
	mem_free(g);
}

void
generation_start(struct generation *g)
{
	start_role(g, 0);
}

unsigned
generation_number(const struct generation *g)
{
	return g->number;
}

const struct plan *
generation_plan(const struct generation *g)
{
	return &g->plan;
}

const struct log_files *
generation_logs(const struct generation *g)
{
	return &g->logs;
}

bool
generation_is_complete(const struct generation *g)
{
	return all_are(g, PROCESS_READY);
}

unsigned
generation_n_process(const struct generation *g)
{
	return g->n_process;
}

const struct process *
generation_process(const struct generation *g, unsigned i)
{
	CHECK(i < g->n_process);
	return &g->process[i];
}
