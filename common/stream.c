/*
 * Sockets with bounded memory.  Runs in the children that have a loop.
 *
 * Owned by a connection object; knows nothing of what the bytes mean.  The
 * ceiling of "out" is structural: owners feed it only while it is empty, with
 * at most one scratch space and one message head, or one pass, at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/burst.h"
#include "common/check.h"
#include "common/mem.h"
#include "common/stream.h"

#define STREAM_MAX_IOV 130
/* Less is copied as quickly. */
#define PASS_MIN_BYTES (32u * 1024)
#define PASS_MAX_BYTES (256u * 1024)
/*
 * Of a Unix socket in bulk: for a few pieces of PASS_MAX_BYTES, where the
 * system allows so much (net.core.wmem_max).
 */
#define WIDE_BYTES (768 * 1024)
/* Pages of 4 KiB for one pass, and some that are not full. */
#define PIPE_BYTES (512 * 1024)

void
stream_home_init(struct stream_home *h, uv_loop_t *loop)
{
	memset(h, 0, sizeof(*h));
	h->loop = loop;
	h->scratch = mem_need(STREAM_SCRATCH_BYTES);
	h->pipe_fd[0] = h->pipe_fd[1] = -1;
	h->burst_bytes = burst_bytes();
}

void
stream_home_open_pipe(struct stream_home *h)
{
	if (pipe2(h->pipe_fd, O_NONBLOCK | O_CLOEXEC) != 0) {
		h->pipe_fd[0] = h->pipe_fd[1] = -1;
		return;
	}
	(void)fcntl(h->pipe_fd[0], F_SETPIPE_SZ, PIPE_BYTES);
}

void
stream_home_fini(struct stream_home *h)
{
	for (unsigned i = 0; i < 2; i++)
		if (h->pipe_fd[i] >= 0)
			(void)close(h->pipe_fd[i]);
	h->pipe_fd[0] = h->pipe_fd[1] = -1;
	while (h->n_spare > 0)
		buf_release(&h->spare[--h->n_spare]);
	mem_free(h->scratch);
	h->scratch = NULL;
}

bool
stream_buf_take(struct stream_home *h, struct buf *b)
{
	if (buf_storage_bytes(b) > 0)
		return true;
	if (h->n_spare == 0)
		return buf_reserve(b, STREAM_BUF_BYTES, STREAM_BUF_BYTES);
	*b = h->spare[--h->n_spare];
	return true;
}

void
stream_buf_give(struct stream_home *h, struct buf *b)
{
	size_t cap = buf_storage_bytes(b);

	buf_consume(b, buf_len(b));
	if (h->n_spare == STREAM_SPARES || cap < STREAM_BUF_BYTES ||
	    cap > 2 * STREAM_BUF_BYTES) {
		buf_release(b);
		return;
	}
	h->spare[h->n_spare++] = *b;
	*b = (struct buf){ 0 };
}

bool
stream_open(struct stream *s, struct stream_home *h, int fd,
    void (*on_ready)(struct watch *w, unsigned events))
{
	memset(s, 0, sizeof(*s));
	s->home = h;
	return watch_open_own(&s->watch, h->loop, fd, on_ready);
}

static enum stream_verdict
read_failed(struct stream *s, int error)
{
	s->read_error = error;
	return STREAM_FAILED;
}

static enum stream_verdict
write_failed(struct stream *s, int error)
{
	s->write_error = error;
	return STREAM_FAILED;
}

enum stream_verdict
stream_read(struct stream *s, char *room, size_t room_bytes, size_t *got)
{
	*got = 0;
	if (s->ended)
		return STREAM_END;
	if (s->read_error != 0)
		return STREAM_FAILED;
	ssize_t n;
	s->must_copy = false;
	do {
		n = recv(s->watch.fd, room, room_bytes, 0);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		*got = (size_t)n;
		s->bytes_in += (size_t)n;
		s->may_hold_more = *got == room_bytes;
		return STREAM_OK;
	}
	if (n == 0) {
		s->ended = true;
		return STREAM_END;
	}
	if (errno == EAGAIN)
		return STREAM_WAIT;
	return read_failed(s, errno);
}

enum stream_verdict
stream_fill(struct stream *s, size_t max_bytes)
{
	struct buf *in = &s->in;

	if (buf_len(in) >= max_bytes)
		return STREAM_WAIT;
	if (!stream_buf_take(s->home, in))
		return read_failed(s, ENOMEM);
	if (buf_room_len(in) == 0) {
		size_t more = max_bytes - buf_len(in);
		if (more > buf_storage_bytes(in))
			more = buf_storage_bytes(in);
		if (!buf_reserve(in, more, max_bytes))
			return read_failed(s, ENOMEM);
	}
	size_t room = buf_room_len(in);
	if (room > max_bytes - buf_len(in))
		room = max_bytes - buf_len(in);
	size_t got;
	enum stream_verdict v = stream_read(s, buf_room(in), room, &got);
	if (v == STREAM_OK)
		buf_commit(in, got);
	return v;
}

/* What the kernel left over of v, from byte "taken" on, goes into out. */
static enum stream_verdict
hold(struct stream *s, const struct iovec *v, unsigned n, size_t taken)
{
	for (unsigned i = 0; i < n; i++) {
		if (taken >= v[i].iov_len) {
			taken -= v[i].iov_len;
			continue;
		}
		const char *p = (const char *)v[i].iov_base + taken;
		size_t len = v[i].iov_len - taken;
		taken = 0;
		if (!stream_buf_take(s->home, &s->out) ||
		    !buf_append(&s->out, p, len, buf_len(&s->out) + len))
			return write_failed(s, ENOMEM);
	}
	return buf_len(&s->out) > 0 ? STREAM_WAIT : STREAM_OK;
}

enum stream_verdict
stream_send(struct stream *s, const struct iovec *v, unsigned n)
{
	struct iovec all[STREAM_MAX_IOV + 1];
	size_t held = buf_len(&s->out);
	unsigned n_all = 0;

	CHECK(n <= STREAM_MAX_IOV);
	if (s->write_error != 0)
		return STREAM_FAILED;
	if (held > 0)
		all[n_all++] = (struct iovec){ buf_bytes(&s->out), held };
	if (n > 0)
		memcpy(all + n_all, v, n * sizeof(*v));
	n_all += n;
	if (n_all == 0)
		return STREAM_OK;

	ssize_t taken;
	struct msghdr msg = { .msg_iov = all, .msg_iovlen = n_all };
	do {
		taken = sendmsg(s->watch.fd, &msg, MSG_NOSIGNAL);
	} while (taken < 0 && errno == EINTR);
	if (taken < 0 && errno != EAGAIN)
		return write_failed(s, errno);
	size_t done = taken < 0 ? 0 : (size_t)taken;
	s->bytes_out += done;
	if (done < held) {
		buf_consume(&s->out, done);
		return hold(s, v, n, 0);
	}
	buf_consume(&s->out, held);
	return hold(s, v, n, done - held);
}

enum stream_verdict
stream_flush(struct stream *s)
{
	if (buf_len(&s->out) == 0)
		return s->write_error != 0 ? STREAM_FAILED : STREAM_OK;
	return stream_send(s, NULL, 0);
}

/* passing ----------------------------------------------------------------- */

bool
stream_may_pass(
    const struct stream *from, const struct stream *to, uint64_t bytes)
{
	return from->home->pipe_fd[0] >= 0 && !from->must_copy &&
	       bytes >= PASS_MIN_BYTES && buf_len(&from->in) == 0 &&
	       buf_len(&to->out) == 0;
}

/*
 * This is going to be a bulk transfer.  A Unix socket gets a buffer for more
 * than one piece, so that both sides can work at a time; TCP finds the size of
 * its buffer by itself, and what it is given at a time depends (burst.h).
 */
static void
prepare_to_pass(struct stream *s)
{
	int domain = AF_UNSPEC, bytes = WIDE_BYTES;
	socklen_t len = sizeof(domain);

	s->pass_bytes = PASS_MAX_BYTES;
	(void)getsockopt(s->watch.fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	if (domain == AF_UNIX)
		(void)setsockopt(
		    s->watch.fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	else if (s->home->burst_bytes < PASS_MAX_BYTES)
		s->pass_bytes = (unsigned)s->home->burst_bytes;
}

/* The pipe's last len bytes into s->out; false: no memory. */
static bool
hold_from_pipe(struct stream *s, size_t len)
{
	if (!buf_reserve(&s->out, len, len))
		return false;
	while (len > 0) {
		ssize_t n = read(s->home->pipe_fd[0], buf_room(&s->out), len);

		if (n < 0 && errno == EINTR)
			continue;
		CHECK(n > 0);
		buf_commit(&s->out, (size_t)n);
		len -= (size_t)n;
	}
	return true;
}

/* Nobody takes them, and the next connection must not find them. */
static enum stream_verdict
drop_from_pipe(struct stream *s, size_t len, int error)
{
	struct stream_home *h = s->home;

	while (len > 0) {
		ssize_t n = read(h->pipe_fd[0], h->scratch,
		    len < STREAM_SCRATCH_BYTES ? len : STREAM_SCRATCH_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		CHECK(n > 0);
		len -= (size_t)n;
	}
	return write_failed(s, error);
}

/* len bytes from the pipe to the socket; what it does not take is held. */
static enum stream_verdict
send_from_pipe(struct stream *s, size_t len)
{
	while (len > 0) {
		ssize_t n = splice(s->home->pipe_fd[0], NULL, s->watch.fd, NULL,
		    len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			return drop_from_pipe(s, len, n < 0 ? errno : EPIPE);
		len -= (size_t)n;
		s->bytes_out += (size_t)n;
	}
	if (len == 0)
		return STREAM_OK;
	return hold_from_pipe(s, len) ? STREAM_WAIT
				      : drop_from_pipe(s, len, ENOMEM);
}

enum stream_verdict
stream_pass(
    struct stream *from, struct stream *to, uint64_t max_bytes, size_t *passed)
{
	ssize_t n;

	*passed = 0;
	CHECK(buf_len(&from->in) == 0 && buf_len(&to->out) == 0);
	if (from->ended)
		return STREAM_END;
	if (from->read_error != 0 || to->write_error != 0)
		return STREAM_FAILED;
	if (to->pass_bytes == 0)
		prepare_to_pass(to);
	if (max_bytes > to->pass_bytes)
		max_bytes = to->pass_bytes;
	do {
		n = splice(from->watch.fd, NULL, from->home->pipe_fd[1], NULL,
		    (size_t)max_bytes, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN)
		return read_failed(from, errno);
	if (n < 0) {
		from->must_copy = true;
		return STREAM_WAIT;
	}
	if (n == 0) {
		from->ended = true;
		return STREAM_END;
	}
	from->bytes_in += (size_t)n;
	from->may_hold_more = true;
	*passed = (size_t)n;
	return send_from_pipe(to, (size_t)n) == STREAM_FAILED ? STREAM_FAILED
							      : STREAM_OK;
}

/* waiting ----------------------------------------------------------------- */

void
stream_want(struct stream *s, bool read)
{
	unsigned events = 0;

	if (read && !s->ended && s->read_error == 0)
		events |= WATCH_READ;
	if (buf_len(&s->out) > 0 && s->write_error == 0)
		events |= WATCH_WRITE;
	watch_want(&s->watch, events);
}

void
stream_rest(struct stream *s)
{
	if (buf_len(&s->in) == 0)
		stream_buf_give(s->home, &s->in);
	if (buf_len(&s->out) == 0)
		stream_buf_give(s->home, &s->out);
}

bool
stream_is_gone(const struct stream *s)
{
	struct pollfd p = { .fd = s->watch.fd, .events = 0 };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

void
stream_shut(struct stream *s)
{
	(void)shutdown(s->watch.fd, SHUT_WR);
}

void
stream_abort(struct stream *s, void (*on_closed)(struct watch *w))
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	/* Not an error on a Unix socket, where it does nothing. */
	(void)setsockopt(s->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	stream_close(s, on_closed);
}

void
stream_close(struct stream *s, void (*on_closed)(struct watch *w))
{
	stream_buf_give(s->home, &s->in);
	stream_buf_give(s->home, &s->out);
	watch_close(&s->watch, on_closed);
}
