/*
 * The master's admin socket: what it says about itself, and how another
 * master takes over through it.  Runs in the master.
 *
 * While another master starts, ours goes on as before, reloads excepted: the
 * two must agree about which sockets there are.
 */
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/listen.h"
#include "common/log.h"
#include "common/supervisor_state.h"

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
		.state = s->state,
		.counts = &s->counts,
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

/* giving ------------------------------------------------------------------ */

void
supervisor_leave_files(struct supervisor *s)
{
	listeners_leave_files(s->listeners);
	if (s->admin != NULL)
		admin_leave_file(s->admin);
}

static void
on_giver_end(bool is_done, void *ctx)
{
	struct supervisor *s = ctx;

	takeover_giver_close(s->giver);
	s->giver = NULL;
	if (!is_done) {
		log_warning("the other master has not come up: we go on");
		supervisor_reload_if_asked_again(s);
		return;
	}
	log_info("another master serves");
	supervisor_leave_files(s);
	supervisor_drain(s, true);
}

static void
list_sockets(const struct supervisor *s, struct takeover_fds *t)
{
	int fds[CHILD_MAX_LISTEN];
	unsigned n = listeners_list(s->listeners, fds);
	int fd;

	t->n = 0;
	takeover_add(t, state_page_fd(s->state), TAKEOVER_STATE);
	for (unsigned i = 0; i < n; i++)
		takeover_add(t, fds[i], TAKEOVER_LISTENER);
	for (unsigned i = 0; (fd = listen_inherited(i)) >= 0; i++)
		takeover_add(t, fd, TAKEOVER_MANAGERS);
	if (!listen_is_inherited(admin_fd(s->admin)))
		takeover_add(t, admin_fd(s->admin), TAKEOVER_LISTENER);
}

static unsigned
take_over(int sock, void *ctx)
{
	struct supervisor *s = ctx;
	struct takeover_fds t;
	const char *error;

	if (s->phase != PHASE_RUNNING)
		return 503;
	if (s->giver != NULL || s->candidate != NULL)
		return 409;
	list_sockets(s, &t);
	s->giver = takeover_give(&s->loop, sock, &t, on_giver_end, s, &error);
	if (s->giver == NULL)
		log_error("%s", error);
	else
		log_info("another master is starting to take over");
	return 0;
}

void
supervisor_stop_giving(struct supervisor *s)
{
	takeover_giver_close(s->giver);
	s->giver = NULL;
}

/* taking ------------------------------------------------------------------ */

/* The fd of the state page, or -1. */
static int
adopt(const struct takeover_fds *t)
{
	int state_fd = -1;

	for (unsigned i = 0; i < t->n; i++) {
		bool is_managers = t->kind[i] == TAKEOVER_MANAGERS;

		if (t->kind[i] == TAKEOVER_STATE && state_fd < 0)
			state_fd = t->fd[i];
		else if (t->kind[i] == TAKEOVER_STATE ||
			 !listen_adopt(t->fd[i], is_managers))
			close(t->fd[i]);
	}
	return state_fd;
}

bool
supervisor_take_over(
    struct supervisor *s, const struct plan *p, const char **error)
{
	struct takeover_fds t;
	int state_fd;

	s->former = takeover_ask(p->admin, &t, error);
	if (s->former < 0)
		return false;
	state_fd = adopt(&t);
	if (state_fd >= 0)
		s->state = state_page_adopt(
		    s->daemon->name, &s->daemon->state, state_fd);
	log_info("taking over %u sockets", t.n - (state_fd >= 0));
	return true;
}

/* the socket -------------------------------------------------------------- */

bool
supervisor_open_admin(
    struct supervisor *s, const struct plan *p, const char **error)
{
	const struct admin_user user = {
		.answer = answer, .take_over = take_over, .ctx = s
	};

	if (p->admin == NULL || admin_is_at(s->admin, p->admin))
		return true;
	s->fresh_admin =
	    admin_open(&s->loop, s->home.wheel, p->admin, &user, error);
	return s->fresh_admin != NULL;
}

void
supervisor_adopt_admin(struct supervisor *s, const struct plan *p)
{
	if (p->admin != NULL && s->fresh_admin == NULL)
		return;
	admin_close(s->admin);
	s->admin = s->fresh_admin;
	s->fresh_admin = NULL;
}
