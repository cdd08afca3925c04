/*
 * One descriptor on the event loop.  Registered once and left alone in the
 * steady state: interest that is no longer wanted is taken out of the kernel
 * only when an unwanted event really arrives, since libuv pays two system
 * calls for each change.  Hides libuv's POLLERR (which arrives as UV_EBADF
 * with the handle stopped): the owner sees "readable and writable" and finds
 * the error with its next read or write.
 */
#ifndef COMMON_WATCH_H
#define COMMON_WATCH_H

#include <stdbool.h>
#include <uv.h>

#define WATCH_READ 1u
#define WATCH_WRITE 2u

struct watch_retry;

struct watch {
	uv_poll_t poll;
	int fd; /* owned from watch_open() on; -1 when closed */
	unsigned wants;
	unsigned armed;
	unsigned errors_in_a_row;
	bool is_reporting_error;
	struct watch_retry *retry; /* owned, NULL: no lasting error */
	void (*on_ready)(struct watch *w, unsigned events);
	void (*on_closed)(struct watch *w);
};

/*
 * Takes over fd (made non-blocking).  on_ready never runs before a call
 * returns.  False: fd is still the caller's and nothing must be closed.
 */
bool watch_open(struct watch *w, uv_loop_t *loop, int fd,
    void (*on_ready)(struct watch *w, unsigned events));
/*
 * Which of WATCH_READ and WATCH_WRITE to report; cheap to repeat, without
 * effect on a closed watch.  An error is reported as both, whatever is
 * wanted, unless nothing has been wanted for a while.
 */
void watch_want(struct watch *w, unsigned events);
/*
 * For an open watch, once.  Closes the descriptor at once and the handle on the
 * next turn of the loop; on_closed (may be NULL) runs then, and only then w may
 * be freed.
 */
void watch_close(struct watch *w, void (*on_closed)(struct watch *w));
bool watch_is_open(const struct watch *w);

#endif
