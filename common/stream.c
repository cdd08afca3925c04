/*
 * Sockets with bounded memory.  Runs in the children that have a loop.
 *
 * Owned by a connection object; knows nothing of what the bytes mean.  The
 * ceiling of "out" is structural: owners feed it only while it is empty, with
 * at most one scratch space and one message head at a time.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/stream.h"

#define STREAM_MAX_IOV 130

void
stream_home_init(struct stream_home *h, uv_loop_t *loop)
{
	memset(h, 0, sizeof(*h));
	h->loop = loop;
	h->scratch = mem_need(STREAM_SCRATCH_BYTES);
}

void
stream_home_fini(struct stream_home *h)
{
	while (h->n_spare > 0)
		buf_release(&h->spare[--h->n_spare]);
	mem_free(h->scratch);
	h->scratch = NULL;
}

bool
stream_buf_take(struct stream_home *h, struct buf *b)
{
	CHECK(b->data == NULL);
	if (h->n_spare == 0)
		return buf_reserve(b, STREAM_BUF_BYTES, STREAM_BUF_BYTES);
	*b = h->spare[--h->n_spare];
	return true;
}

void
stream_buf_give(struct stream_home *h, struct buf *b)
{
	if (b->data == NULL)
		return;
	buf_consume(b, buf_len(b));
	if (h->n_spare == STREAM_SPARES || b->cap < STREAM_BUF_BYTES ||
	    b->cap > 2 * STREAM_BUF_BYTES) {
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
	do {
		n = read(s->watch.fd, room, room_bytes);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		*got = (size_t)n;
		s->bytes_in += (size_t)n;
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
	if (in->data == NULL && !stream_buf_take(s->home, in))
		return read_failed(s, ENOMEM);
	if (buf_room_len(in) == 0) {
		size_t more = max_bytes - buf_len(in);
		if (more > in->cap)
			more = in->cap;
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
		if (s->out.data == NULL && !stream_buf_take(s->home, &s->out))
			return write_failed(s, ENOMEM);
		if (!buf_append(&s->out, p, len, buf_len(&s->out) + len))
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
		all[n_all++] =
		    (struct iovec){ s->out.data + s->out.head, held };
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
