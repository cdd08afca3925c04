/*
 * One descriptor on the event loop.  Registered once and left alone in the
 * steady state: interest that is no longer wanted is taken out of the kernel
 * only when an unwanted event really arrives, since each change is a system
 * call.  An error is reported as "readable and writable": the owner finds it
 * with its next read or write.
 */
#ifndef COMMON_WATCH_H
#define COMMON_WATCH_H

#include <stdbool.h>
#include <sys/queue.h>
#include <uv.h>

#define WATCH_READ 1u
#define WATCH_WRITE 2u

struct watch_retry;
struct watch_set;

/* Ends that the last report has come with; an end stays for ever. */
enum watch_end {
	WATCH_OPEN,
	WATCH_HALF_CLOSED, /* the peer sends no more, but may still take */
	WATCH_HUNG_UP,     /* neither */
};

struct watch {
	struct watch_set *set;    /* of the loop; outlives us */
	TAILQ_ENTRY(watch) entry; /* closing */
	int fd; /* owned from watch_open() on; -1 when closed */
	/* in bits: thousands of idle connections have two */
	unsigned wants : 2;
	unsigned armed : 2;
	unsigned errors_in_a_row : 2; /* as many as are counted */
	bool is_reporting_error : 1;
	bool is_new : 1; /* nothing has been wanted yet */
	bool is_own : 1; /* no other process has the socket, too */
	enum watch_end end : 2;
	struct watch_retry *retry; /* owned, NULL: no lasting error */
	void (*on_ready)(struct watch *w, unsigned events);
	void (*on_closed)(struct watch *w);
};

/*
 * At start, in a process that is going to close a sandbox: what the loop needs
 * for its watches.  Elsewhere the first watch_open() does it.  False: no
 * descriptor or memory is left.
 */
bool watch_init(uv_loop_t *loop);
/*
 * Takes over fd (made non-blocking).  on_ready never runs before a call
 * returns.  False: fd is still the caller's and nothing must be closed.
 */
bool watch_open(struct watch *w, uv_loop_t *loop, int fd,
    void (*on_ready)(struct watch *w, unsigned events));
/*
 * The same for a socket that this process alone has (made or accepted here,
 * close-on-exec, in a process that does not fork) and that is non-blocking
 * already: two system calls fewer in its life.
 */
bool watch_open_own(struct watch *w, uv_loop_t *loop, int fd,
    void (*on_ready)(struct watch *w, unsigned events));
/*
 * Which of WATCH_READ and WATCH_WRITE to report; cheap to repeat, without
 * effect on a closed watch.  An error is reported as both, whatever is
 * wanted, unless nothing has been wanted for a while.
 */
void watch_want(struct watch *w, unsigned events);
/*
 * For an open watch, once.  Closes the descriptor at once; on_closed (may be
 * NULL) runs on the next turn of the loop, and only then w may be freed.
 */
void watch_close(struct watch *w, void (*on_closed)(struct watch *w));
bool watch_is_open(const struct watch *w);
/*
 * Which wait of the loop the reports of now come from: what it reports had
 * happened before anything that its owners have done since.
 */
unsigned watch_turn(const struct watch *w);

/*
 * uv_run() and uv_stop() for a process whose work is watches: the same, with
 * fewer system calls.  Runs until stopped.
 */
void watch_run(uv_loop_t *loop);
void watch_stop(uv_loop_t *loop);
/*
 * on_turn runs after the reports of each turn of watch_run().  True: it has
 * more to do, and the next turn does not wait.
 */
void watch_each_turn(uv_loop_t *loop, bool (*on_turn)(void *ctx), void *ctx);

#endif
