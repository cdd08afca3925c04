/*
 * A stream socket on the event loop, with what was read and has not been used
 * and what was to be written and has not been taken.  In the steady state a
 * stream holds no memory: bytes are read into the process's scratch space and
 * leave from there in one writev; what the kernel does not take is kept, and
 * the owner stops its source until it is gone.
 */
#ifndef COMMON_STREAM_H
#define COMMON_STREAM_H

#include <stdint.h>
#include <sys/uio.h>

#include "common/buf.h"
#include "common/check.h"
#include "common/watch.h"

#define STREAM_SCRATCH_BYTES (64u * 1024)
#define STREAM_BUF_BYTES (16u * 1024) /* first size of a buffer */
#define STREAM_SPARES 64

/* One per loop; lent to all its streams. */
struct stream_home {
	uv_loop_t *loop;
	char *scratch; /* owned, STREAM_SCRATCH_BYTES; anybody's until the
			* callback returns */
	struct buf spare[STREAM_SPARES];
	unsigned n_spare;
	int pipe_fd[2];     /* owned; empty between callbacks; -1: none */
	size_t burst_bytes; /* that TCP is given at a time */
};

void stream_home_init(struct stream_home *h, uv_loop_t *loop); /* at start */
void stream_home_fini(struct stream_home *h);
/* At start, before the sandbox: from here on bytes can pass uncopied. */
void stream_home_open_pipe(struct stream_home *h);

/* Storage of STREAM_BUF_BYTES, if b has none; false: memory is short. */
bool stream_buf_take(struct stream_home *h, struct buf *b);
/* Empties b; keeps the storage for the next one. */
void stream_buf_give(struct stream_home *h, struct buf *b);

enum stream_verdict {
	STREAM_OK,
	STREAM_WAIT,   /* the kernel has nothing, or takes nothing more */
	STREAM_END,    /* the peer's orderly end */
	STREAM_FAILED, /* read_error or write_error says why */
};

struct stream {
	struct watch watch;
	struct stream_home *home; /* borrowed, outlives us */
	struct buf in;
	struct buf out;
	unsigned pass_bytes; /* at most in one pass; 0: none has been yet */
	bool must_copy;      /* splice() found nothing: urgent data stops it */
	bool ended;          /* STREAM_END was read */
	bool may_hold_more;  /* the last read took all that it had room for */
	int read_error;      /* errno, or 0; ended and failed are for ever */
	int write_error;
	uint64_t bytes_in;
	uint64_t bytes_out;
};

/* As watch_open(). */
bool stream_open(struct stream *s, struct stream_home *h, int fd,
    void (*on_ready)(struct watch *w, unsigned events));
static inline struct stream *
stream_of(struct watch *w)
{
	return container_of(w, struct stream, watch);
}

/* One read.  STREAM_OK: *got bytes, at least 1. */
enum stream_verdict
stream_read(struct stream *s, char *room, size_t room_bytes, size_t *got);
/* One read into s->in, which never holds more than max_bytes.  STREAM_WAIT
 * when it is full already. */
enum stream_verdict stream_fill(struct stream *s, size_t max_bytes);
/*
 * One writev of what is held and then v.  What is not taken is held: the
 * caller sends nothing more until stream_flush() says OK.  STREAM_WAIT: some
 * is held.  v may point into the scratch space.
 */
enum stream_verdict
stream_send(struct stream *s, const struct iovec *v, unsigned n);
enum stream_verdict stream_flush(struct stream *s);
/*
 * Hands on what has arrived, up to max_bytes, without looking at it: the pages
 * move through a pipe, nothing is copied.  Both hold nothing; what "to" does
 * not take is held there.  As stream_read(); of STREAM_FAILED from->read_error
 * and to->write_error say which side it was.
 */
enum stream_verdict stream_pass(
    struct stream *from, struct stream *to, uint64_t max_bytes, size_t *passed);
/* Whether that is possible, and worth it for so many bytes. */
bool stream_may_pass(
    const struct stream *from, const struct stream *to, uint64_t bytes);
/* Reading when read is set; writing whenever something is held.  A stream
 * that failed to write may still be read: the peer's last words. */
void stream_want(struct stream *s, bool read);
/* Gives empty buffers back. */
void stream_rest(struct stream *s);

/* After STREAM_END: whether the peer takes nothing either, as far as the
 * kernel knows.  One system call. */
bool stream_is_gone(const struct stream *s);

/* Our orderly end; the peer may still send. */
void stream_shut(struct stream *s);
/*
 * An end that nobody can take for an orderly one: TCP is reset.  On a Unix
 * socket it is a close without the shutdown that an orderly end has before
 * it: the peer sees POLLHUP together with the end.
 */
void stream_abort(struct stream *s, void (*on_closed)(struct watch *w));
void stream_close(struct stream *s, void (*on_closed)(struct watch *w));

#endif
