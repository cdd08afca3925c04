/*
 * One descriptor on the event loop.  Runs in every process with a loop.
 *
 *	wants	what the owner asked for
 *	armed	what the kernel was asked for: wants, and perhaps more
 *
 * All watches of a loop share an epoll set of ours, which is the one thing
 * that libuv sees of them: its own handles cost four system calls to open
 * (is it pollable? is it not? delete what is not there, add) and two for each
 * change of interest.  Here it is one each.
 *
 * Still, wants may shrink for free: armed follows when an event arrives that
 * nobody wants, as it would otherwise arrive again and again.  A source that
 * is stopped by a full buffer and started again before more bytes come costs
 * nothing.
 *
 * An error (EPOLLERR; a hang-up alone is seen as what is armed) comes without
 * being asked for.  Whatever the owner wants, it is told "readable and
 * writable" once, so that its next read or write finds the error.  An error
 * that stays although the owner has tried is reported on a timer: not
 * forgotten, and no busy loop.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/watch.h"

#define BOTH (WATCH_READ | WATCH_WRITE)
#define ERRORS_IN_A_ROW 3 /* fits into errors_in_a_row */
#define RETRY_MS 100
#define BATCH 256

/* One per loop, as long as there are watches. */
struct watch_set {
	LIST_ENTRY(watch_set) entry;
	uv_poll_t poll;
	uv_prepare_t prepare;
	int fd;             /* owned: epoll */
	unsigned n_watches; /* closing ones included */
	unsigned n_armed;
	unsigned n_handles;
	unsigned n_waits; /* may wrap */
	bool is_running;  /* watch_run() */
	bool is_stopped;
	bool (*on_turn)(void *ctx); /* NULL: none */
	void *ctx;                  /* borrowed from the caller */
	TAILQ_HEAD(, watch) closing;
};

/* Made for a lasting error only; outlives the watch by a turn of the loop. */
struct watch_retry {
	uv_timer_t timer;
	struct watch *watch;
};

/* By loop, nearly always one; libuv leaves a loop's data uninitialised. */
static LIST_HEAD(, watch_set) sets = LIST_HEAD_INITIALIZER(sets);

/* the set ----------------------------------------------------------------- */

static void on_event(struct watch *w, unsigned events);

/* False: libuv has something to do, too. */
static bool
wait_for_events(struct watch_set *set, int timeout_ms)
{
	struct epoll_event all[BATCH];
	int n = epoll_wait(set->fd, all, BATCH, timeout_ms);
	bool is_ours = true;

	set->n_waits++;
	uv_update_time(set->poll.loop);
	for (int i = 0; i < n; i++) {
		if (all[i].data.ptr == NULL)
			is_ours = false;
		else
			on_event(all[i].data.ptr, all[i].events);
	}
	return is_ours;
}

static void
on_set_ready(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	wait_for_events(container_of(poll, struct watch_set, poll), 0);
}

static void
on_set_handle_closed(uv_handle_t *handle)
{
	struct watch_set *set = handle->data;

	if (--set->n_handles > 0)
		return;
	close(set->fd);
	mem_free(set);
}

static void
set_close(struct watch_set *set)
{
	LIST_REMOVE(set, entry);
	uv_close((uv_handle_t *)&set->poll, on_set_handle_closed);
	uv_close((uv_handle_t *)&set->prepare, on_set_handle_closed);
}

static void
finish_closing(struct watch_set *set)
{
	struct watch *w;

	while ((w = TAILQ_FIRST(&set->closing)) != NULL) {
		TAILQ_REMOVE(&set->closing, w, entry);
		set->n_watches--;
		if (w->on_closed != NULL)
			w->on_closed(w);
	}
}

/* Once per turn, in front of the wait. */
static void
on_prepare(uv_prepare_t *prepare)
{
	struct watch_set *set =
	    container_of(prepare, struct watch_set, prepare);
	finish_closing(set);
	if (!set->is_running)
		uv_unref((uv_handle_t *)prepare);
	if (set->n_watches == 0 && !set->is_running)
		set_close(set);
}

static struct watch_set *
set_new(uv_loop_t *loop)
{
	struct watch_set *set = mem_try(sizeof(*set));

	if (set == NULL)
		return NULL;
	set->fd = epoll_create1(EPOLL_CLOEXEC);
	if (set->fd < 0 || uv_poll_init(loop, &set->poll, set->fd) != 0) {
		if (set->fd >= 0)
			close(set->fd);
		mem_free(set);
		return NULL;
	}
	TAILQ_INIT(&set->closing);
	set->n_handles = 2;
	set->poll.data = set->prepare.data = set;
	CHECK(uv_poll_start(&set->poll, UV_READABLE, on_set_ready) == 0);
	CHECK(uv_prepare_init(loop, &set->prepare) == 0);
	CHECK(uv_prepare_start(&set->prepare, on_prepare) == 0);
	uv_unref((uv_handle_t *)&set->prepare);
	uv_unref((uv_handle_t *)&set->poll);
	LIST_INSERT_HEAD(&sets, set, entry);
	return set;
}

static struct watch_set *
set_find(const uv_loop_t *loop)
{
	struct watch_set *set;

	LIST_FOREACH (set, &sets, entry)
		if (set->poll.loop == loop)
			return set;
	return NULL;
}

static struct watch_set *
set_of(uv_loop_t *loop)
{
	struct watch_set *set = set_find(loop);

	return set != NULL ? set : set_new(loop);
}

/* A loop without an armed watch may end. */
static void
count_armed(struct watch_set *set, int change)
{
	uv_handle_t *handle = (uv_handle_t *)&set->poll;

	set->n_armed += (unsigned)change;
	if (set->n_armed == 0)
		uv_unref(handle);
	else
		uv_ref(handle);
}

/* the kernel's part ------------------------------------------------------- */

static bool
tell_kernel(struct watch *w, int what, unsigned events)
{
	struct epoll_event e = { .data.ptr = w };

	if ((events & WATCH_READ) != 0)
		e.events |= EPOLLIN | EPOLLRDHUP;
	if ((events & WATCH_WRITE) != 0)
		e.events |= EPOLLOUT;
	if (epoll_ctl(w->set->fd, what, w->fd, &e) != 0)
		return false;
	if ((w->armed == 0) != (events == 0))
		count_armed(w->set, events != 0 ? 1 : -1);
	w->armed = events & BOTH;
	return true;
}

/* later ------------------------------------------------------------------- */

static void arm(struct watch *w);

static void
on_retry(uv_timer_t *timer)
{
	struct watch_retry *r = container_of(timer, struct watch_retry, timer);
	struct watch *w = r->watch;

	if ((w->wants & ~w->armed) != 0)
		arm(w);
}

static void
on_retry_closed(uv_handle_t *handle)
{
	mem_free(container_of((uv_timer_t *)handle, struct watch_retry, timer));
}

static bool
is_retry_pending(const struct watch *w)
{
	return w->retry != NULL &&
	       uv_is_active((const uv_handle_t *)&w->retry->timer);
}

static bool
retry_later(struct watch *w)
{
	if (w->retry == NULL) {
		w->retry = mem_try(sizeof(*w->retry));
		if (w->retry == NULL)
			return false;
		w->retry->watch = w;
		uv_timer_init(w->set->poll.loop, &w->retry->timer);
	}
	return uv_timer_start(&w->retry->timer, on_retry, RETRY_MS, 0) == 0;
}

/* Without any interest it is taken out: errors would still be told. */
static void
arm(struct watch *w)
{
	int what = EPOLL_CTL_MOD;

	if (w->armed == w->wants)
		return;
	if (w->armed == 0)
		what = EPOLL_CTL_ADD;
	else if (w->wants == 0)
		what = EPOLL_CTL_DEL;
	if (tell_kernel(w, what, w->wants))
		return;
	/* all else was ruled out by watch_open() */
	CHECK(errno == ENOMEM || errno == ENOSPC);
	(void)retry_later(w);
}

/* The kernel takes it out by itself, with the last descriptor. */
static void
forget(struct watch *w)
{
	if (w->armed != 0)
		count_armed(w->set, -1);
	w->armed = 0;
}

/* errors that stay ------------------------------------------------------- */

/* Out of the kernel, until the owner has done something about it. */
static void
report_error(struct watch *w)
{
	(void)tell_kernel(w, EPOLL_CTL_DEL, 0);
	if (w->is_new)
		return;
	if (w->errors_in_a_row < ERRORS_IN_A_ROW)
		w->errors_in_a_row++;
	w->is_reporting_error = true;
	w->on_ready(w, BOTH);
	w->is_reporting_error = false;
	if (!watch_is_open(w) || w->wants == 0)
		return;
	if (w->errors_in_a_row < ERRORS_IN_A_ROW || !retry_later(w))
		arm(w);
}

/* events ------------------------------------------------------------------ */

static unsigned
take_events(struct watch *w, unsigned events)
{
	unsigned came = ((events & EPOLLIN) != 0 ? WATCH_READ : 0) |
			((events & EPOLLOUT) != 0 ? WATCH_WRITE : 0);

	if ((events & EPOLLHUP) != 0) {
		w->end = WATCH_HUNG_UP;
		return came | w->armed;
	}
	if ((events & EPOLLRDHUP) != 0) {
		w->end = WATCH_HALF_CLOSED;
		came |= WATCH_READ;
	}
	return came & w->armed;
}

static void
on_event(struct watch *w, unsigned events)
{
	unsigned came, unwanted;

	if (!watch_is_open(w)) /* since the wait */
		return;
	if ((events & EPOLLERR) != 0) {
		report_error(w);
		return;
	}
	w->errors_in_a_row = 0;
	came = take_events(w, events);
	unwanted = came & ~w->wants;
	if ((came & w->wants) != 0)
		w->on_ready(w, came & w->wants);
	/* the owner may have closed, or come to want it */
	if (watch_is_open(w) && (unwanted & w->armed & ~w->wants) != 0)
		arm(w);
}

bool
watch_init(uv_loop_t *loop)
{
	return set_of(loop) != NULL;
}

/* the owner's part -------------------------------------------------------- */

bool
watch_open_own(struct watch *w, uv_loop_t *loop, int fd,
    void (*on_ready)(struct watch *w, unsigned events))
{
	struct watch_set *set = set_of(loop);

	*w = (struct watch){ .set = set,
		.fd = fd,
		.is_new = true,
		.is_own = true,
		.on_ready = on_ready };
	/* what nearly everybody wants first */
	if (set != NULL && tell_kernel(w, EPOLL_CTL_ADD, WATCH_READ)) {
		set->n_watches++;
		return true;
	}
	w->fd = -1;
	return false;
}

bool
watch_open(struct watch *w, uv_loop_t *loop, int fd,
    void (*on_ready)(struct watch *w, unsigned events))
{
	int on = 1;

	if (ioctl(fd, FIONBIO, &on) != 0 ||
	    !watch_open_own(w, loop, fd, on_ready)) {
		w->fd = -1;
		return false;
	}
	w->is_own = false;
	return true;
}

void
watch_want(struct watch *w, unsigned events)
{
	CHECK((events & ~BOTH) == 0);
	if (!watch_is_open(w))
		return;
	w->wants = events & BOTH;
	w->is_new = w->is_new && events == 0;
	if (w->is_reporting_error || is_retry_pending(w))
		return;
	if ((events & ~w->armed) != 0)
		arm(w);
}

void
watch_close(struct watch *w, void (*on_closed)(struct watch *w))
{
	CHECK(watch_is_open(w));
	w->on_closed = on_closed;
	w->wants = 0;
	if (w->is_own)
		forget(w);
	else
		arm(w);
	close(w->fd);
	w->fd = -1;
	if (w->retry != NULL)
		uv_close((uv_handle_t *)&w->retry->timer, on_retry_closed);
	w->retry = NULL;
	TAILQ_INSERT_TAIL(&w->set->closing, w, entry);
	uv_ref((uv_handle_t *)&w->set->prepare);
}

bool
watch_is_open(const struct watch *w)
{
	return w->fd >= 0;
}

unsigned
watch_turn(const struct watch *w)
{
	return w->set->n_waits;
}

/* the loop's part --------------------------------------------------------- */

/*
 * libuv's set within ours: a turn then waits once, and libuv is asked only
 * when one of its own handles or timers is due.
 */
void
watch_run(uv_loop_t *loop)
{
	struct watch_set *set = set_of(loop);
	struct epoll_event e = { .events = EPOLLIN };
	bool is_more = false;

	CHECK(set != NULL);
	set->is_running = true;
	CHECK(uv_poll_stop(&set->poll) == 0);
	CHECK(epoll_ctl(set->fd, EPOLL_CTL_ADD, uv_backend_fd(loop), &e) == 0);
	uv_ref((uv_handle_t *)&set->prepare);
	while (!set->is_stopped) {
		int timeout_ms = uv_backend_timeout(loop);

		if (is_more || !TAILQ_EMPTY(&set->closing))
			timeout_ms = 0;
		if (!wait_for_events(set, timeout_ms) ||
		    uv_backend_timeout(loop) == 0)
			uv_run(loop, UV_RUN_NOWAIT);
		is_more = set->on_turn != NULL && set->on_turn(set->ctx);
		finish_closing(set);
	}
	set->is_running = set->is_stopped = false;
	epoll_ctl(set->fd, EPOLL_CTL_DEL, uv_backend_fd(loop), NULL);
}

void
watch_stop(uv_loop_t *loop)
{
	struct watch_set *set = set_find(loop);

	if (set != NULL)
		set->is_stopped = true;
	uv_stop(loop);
}

void
watch_each_turn(uv_loop_t *loop, bool (*on_turn)(void *ctx), void *ctx)
{
	struct watch_set *set = set_of(loop);

	CHECK(set != NULL);
	set->on_turn = on_turn;
	set->ctx = ctx;
}
