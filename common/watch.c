/*
 * One descriptor on the event loop.  Runs in every process with a loop.
 *
 *	wants	what the owner asked for
 *	armed	what the kernel was asked for: wants, and perhaps more
 *
 * Each change of a started uv_poll_t is an epoll_ctl() to delete and, before
 * the next wait, one to add.  So wants may shrink for free: armed follows
 * when an event arrives that nobody wants, as it would otherwise arrive
 * again and again.  A source that is stopped by a full buffer and started
 * again before more bytes come costs nothing.
 *
 * An error (POLLERR; a hang-up alone is seen as what is armed) comes without
 * being asked for, and libuv stops the handle.  Whatever the owner wants, it
 * is told "readable and writable" once, so that its next read or write finds
 * the error; then the descriptor is armed again if it still wants something.
 * An error that stays although the owner has tried is reported on a timer:
 * not forgotten, and no busy loop.
 */
#include <unistd.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/watch.h"

#define BOTH (WATCH_READ | WATCH_WRITE)
#define ERRORS_IN_A_ROW 3
#define RETRY_MS 100

/* Made for a lasting error only; outlives the watch by a turn of the loop. */
struct watch_retry {
	uv_timer_t timer;
	struct watch *watch;
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void
arm(struct watch *w)
{
	int events = ((w->wants & WATCH_READ) != 0 ? UV_READABLE : 0) |
		     ((w->wants & WATCH_WRITE) != 0 ? UV_WRITABLE : 0);

	/* what it can fail for was ruled out by uv_poll_init() */
	CHECK(uv_poll_start(&w->poll, events, on_poll) == 0);
	w->armed = w->wants;
}

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
		uv_timer_init(w->poll.loop, &w->retry->timer);
	}
	return uv_timer_start(&w->retry->timer, on_retry, RETRY_MS, 0) == 0;
}

static void
report_error(struct watch *w)
{
	w->armed = 0; /* libuv has stopped the handle */
	w->errors_in_a_row++;
	w->is_reporting_error = true;
	w->on_ready(w, BOTH);
	w->is_reporting_error = false;
	if (!watch_is_open(w) || w->wants == 0)
		return;
	if (w->errors_in_a_row < ERRORS_IN_A_ROW || !retry_later(w))
		arm(w);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *w = container_of(poll, struct watch, poll);
	unsigned came = ((events & UV_READABLE) != 0 ? WATCH_READ : 0) |
			((events & UV_WRITABLE) != 0 ? WATCH_WRITE : 0);
	unsigned unwanted = came & ~w->wants;

	if (status < 0) {
		report_error(w);
		return;
	}
	w->errors_in_a_row = 0;
	if ((came & w->wants) != 0)
		w->on_ready(w, came & w->wants);
	/* the owner may have closed, or come to want it */
	if (watch_is_open(w) && (unwanted & w->armed & ~w->wants) != 0)
		arm(w);
}

bool
watch_open(struct watch *w, uv_loop_t *loop, int fd,
    void (*on_ready)(struct watch *w, unsigned events))
{
	*w = (struct watch){ .fd = -1, .on_ready = on_ready };
	if (uv_poll_init(loop, &w->poll, fd) != 0)
		return false;
	w->fd = fd;
	return true;
}

void
watch_want(struct watch *w, unsigned events)
{
	CHECK((events & ~BOTH) == 0);
	if (!watch_is_open(w))
		return;
	w->wants = events;
	if (w->is_reporting_error || is_retry_pending(w))
		return;
	if ((events & ~w->armed) != 0)
		arm(w);
}

static void
on_poll_closed(uv_handle_t *handle)
{
	struct watch *w = container_of((uv_poll_t *)handle, struct watch, poll);

	if (w->on_closed != NULL)
		w->on_closed(w);
}

void
watch_close(struct watch *w, void (*on_closed)(struct watch *w))
{
	CHECK(watch_is_open(w));
	w->on_closed = on_closed;
	w->wants = w->armed = 0;
	/* out of epoll first: the number may be another's right after close */
	uv_close((uv_handle_t *)&w->poll, on_poll_closed);
	close(w->fd);
	w->fd = -1;
	if (w->retry != NULL)
		uv_close((uv_handle_t *)&w->retry->timer, on_retry_closed);
	w->retry = NULL;
}

bool
watch_is_open(const struct watch *w)
{
	return w->fd >= 0;
}
