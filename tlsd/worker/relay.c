/*
 * The bytes of one client connection, both ways.  Runs in the worker, owned
 * by its conn_pair, which watches the two descriptors and closes them.
 *
 *	up	OPEN -> ENDING -> ENDED		close_notify passed on as FIN
 *		  |        |        ^
 *		  +--------+-> SINK +		rproxy takes no more
 *	down	OPEN -> ENDING -> ENDED		FIN passed on as close_notify,
 *		  |        ^		a close without one is not
 *		  +-> SINK +			the server takes no more
 *
 * In the steady state a request costs one receive from the client, one send
 * to rproxy, one receive from rproxy, one send to the client.  A receive that
 * brought less than there was room for is not repeated: it would find
 * nothing.
 *
 * Only an orderly end is passed on as half a close; when a client vanishes
 * (RELAY_VANISHED) the owner closes rproxy's connection altogether, and rproxy
 * sees both directions gone at once.
 *
 * RFC 8446 section 6.1: each side closes its own direction; RFC 5246 wants an
 * answering close_notify at once, which no HTTP client insists on.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/check.h"
#include "common/watch.h"
#include "tlsd/worker/relay.h"

/* Of rproxy's socket during an upload: a few scratches full. */
#define WIDE_BYTES (512 * 1024)

void
relay_init(
    struct relay *r, struct tls_io *tls, bool close_is_end, size_t burst_bytes)
{
	*r = (struct relay){ .tls = tls,
		.backend_fd = -1,
		.burst_bytes = burst_bytes,
		.close_is_end = close_is_end };
}

void
relay_init_to_server(struct relay *r, struct tls_io *tls, size_t burst_bytes)
{
	relay_init(r, tls, false, burst_bytes);
	r->is_to_server = true;
}

void
relay_fini(struct relay *r)
{
	buf_release(&r->up);
}

void
relay_attach(struct relay *r, int backend_fd)
{
	r->backend_fd = backend_fd;
	r->backend_end = WATCH_OPEN;
	r->is_wide = false;
}

static size_t
queued_bytes(const struct relay *r)
{
	return r->tls->out_may_wait ? 0 : buf_len(&r->tls->out);
}

static enum relay_verdict
judge_read(struct relay *r, enum tls_verdict v)
{
	switch (v) {
	case TLS_OK:
	case TLS_WANT_READ:
	case TLS_WANT_WRITE:
		return RELAY_FINE;
	case TLS_CLOSED:
		r->up_way = RELAY_ENDING;
		return RELAY_FINE;
	case TLS_TRUNCATED:
		return RELAY_VANISHED;
	case TLS_WANT_SIGNER: /* no handshake after the first one */
	case TLS_FAILED:
		return RELAY_BROKEN;
	}
	return RELAY_BROKEN;
}

enum relay_verdict
relay_read(struct relay *r, char *scratch, size_t *n)
{
	enum tls_verdict v;
	size_t got;

	*n = 0;
	do {
		got = 0;
		v = tls_io_read(r->tls, scratch + *n, RELAY_SCRATCH - *n, &got);
		*n += got;
		r->up_again = v == TLS_OK && tls_io_has_more(r->tls);
	} while (r->up_again && *n < RELAY_SCRATCH);
	return judge_read(r, v);
}

/* rproxy takes no more; it may still have an answer for us to deliver. */
static void
become_sink(struct relay *r)
{
	if (r->up_way != RELAY_ENDED)
		r->up_way = RELAY_SINK;
	r->up_again = false;
	buf_release(&r->up);
}

/* How many bytes rproxy took. */
static size_t
give_to_backend(struct relay *r, const char *p, size_t len)
{
	ssize_t n = send(r->backend_fd, p, len, MSG_NOSIGNAL);

	if (n >= 0)
		return (size_t)n;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	/* told once: the next receive will only see the end */
	if (errno == ECONNRESET)
		r->is_abortive = true;
	become_sink(r);
	return 0;
}

static void
send_stored(struct relay *r)
{
	struct slice s = buf_slice(&r->up);
	size_t n = give_to_backend(r, s.p, s.len);

	if (r->up_way == RELAY_SINK)
		return;
	buf_consume(&r->up, n);
	buf_release_if_empty(&r->up);
}

/* A large upload: both sides shall be able to work at a time. */
static void
widen(struct relay *r)
{
	const int bytes = WIDE_BYTES;

	if (r->is_wide)
		return;
	r->is_wide = true;
	(void)setsockopt(
	    r->backend_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

/* False: no memory for what rproxy did not take. */
static bool
send_or_store(struct relay *r, const char *p, size_t len)
{
	size_t n;

	if (len == 0)
		return true;
	n = give_to_backend(r, p, len);
	if (n == len || r->up_way == RELAY_SINK)
		return true;
	widen(r);
	return buf_append(&r->up, p + n, len - n, RELAY_UP_MAX);
}

/*
 * A client that is still sending must find its bytes taken, or the reset that
 * answers them would destroy the response it has not yet read.
 */
static enum relay_verdict
drop_from_client(struct relay *r, char *scratch)
{
	ssize_t n = recv(r->tls->fd, scratch, RELAY_SCRATCH, 0);

	if (n == 0)
		r->up_way = RELAY_ENDED;
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return RELAY_VANISHED;
	return RELAY_FINE;
}

static enum relay_verdict
run_up(struct relay *r, bool is_readable, char *scratch, uint64_t *moved)
{
	enum relay_verdict v = RELAY_FINE;
	size_t n;

	if (r->up_way == RELAY_SINK && is_readable)
		return drop_from_client(r, scratch);
	while (v == RELAY_FINE && r->up_way == RELAY_OPEN &&
	       buf_len(&r->up) == 0 && (is_readable || r->up_again) &&
	       *moved < RELAY_BUDGET) {
		v = relay_read(r, scratch, &n);
		is_readable = false;
		*moved += n;
		if (!send_or_store(r, scratch, n))
			return RELAY_BROKEN;
	}
	if (r->up_way == RELAY_ENDING && buf_len(&r->up) == 0) {
		(void)shutdown(r->backend_fd, SHUT_WR);
		r->up_way = RELAY_ENDED;
	}
	return v;
}

/*
 * A server may answer and leave before it has read all of a request: its last
 * words are still to be read.  rproxy is not told, its answer comes first.
 */
static void
stop_down(struct relay *r)
{
	buf_release(&r->tls->out);
	if (r->down_way == RELAY_OPEN)
		r->down_way = RELAY_SINK;
}

/* One send. */
static enum relay_verdict
flush(struct relay *r)
{
	enum tls_verdict v;

	if (queued_bytes(r) == 0)
		return RELAY_FINE;
	v = tls_io_flush(r->tls);
	if (v == TLS_OK || v == TLS_WANT_WRITE)
		return RELAY_FINE;
	if (!r->is_to_server)
		return RELAY_VANISHED;
	stop_down(r);
	return RELAY_FINE;
}

static enum relay_verdict
encrypt_piece(struct relay *r, const char *p, size_t len)
{
	size_t taken = 0;
	enum tls_verdict v;

	/* in one piece; growing record by record would copy it twice */
	(void)buf_reserve(&r->tls->out, len + len / 64, TLS_IO_OUT_MAX);
	v = tls_io_write(r->tls, p, len, &taken);
	/* out was empty and is larger than scratch: it all fits */
	return v == TLS_OK && taken == len ? RELAY_FINE : RELAY_BROKEN;
}

/* Sends all but the last piece. */
static enum relay_verdict
encrypt(struct relay *r, const char *p, size_t len)
{
	enum relay_verdict v = RELAY_FINE;

	while (v == RELAY_FINE && len > r->burst_bytes) {
		bool is_stuck = queued_bytes(r) > 0;

		v = encrypt_piece(r, p, r->burst_bytes);
		p += r->burst_bytes;
		len -= r->burst_bytes;
		if (v == RELAY_FINE && !is_stuck)
			v = flush(r);
	}
	return v == RELAY_FINE ? encrypt_piece(r, p, len) : v;
}

/* Both directions of rproxy's end are closed: it is gone, not half-closed. */
static bool
is_backend_gone(const struct relay *r)
{
	struct pollfd p = { .fd = r->backend_fd };

	if (r->backend_end != WATCH_OPEN)
		return r->backend_end == WATCH_HUNG_UP;
	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

/* n is what recv() returned: 0 or -1. */
static enum relay_verdict
note_backend_end(struct relay *r, ssize_t n)
{
	bool is_gone;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return RELAY_FINE;
	r->down_way = RELAY_ENDING;
	/*
	 * A reset means that rproxy left with our bytes unread: perhaps in the
	 * middle of a response, which must not look whole to the client.
	 */
	r->is_abortive |= n < 0;
	/*
	 * An orderly end is a shutdown; rproxy then waits for ours.  Gone
	 * without one means the same as a reset: a Unix socket has no other
	 * way to say it when nothing was unread.
	 */
	is_gone = is_backend_gone(r);
	if (is_gone && r->up_way != RELAY_ENDED && !r->close_is_end)
		r->is_abortive = true;
	if (r->is_abortive || is_gone)
		become_sink(r);
	if (!r->is_abortive)
		tls_io_shutdown(r->tls);
	return flush(r);
}

/* Taken all the same: that rproxy has ended shows at the end of it. */
static void
drop_from_backend(struct relay *r, char *scratch)
{
	ssize_t n = recv(r->backend_fd, scratch, RELAY_SCRATCH, 0);

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	if (is_backend_gone(r))
		become_sink(r);
	r->down_way = RELAY_ENDED;
}

static enum relay_verdict
run_down(struct relay *r, bool is_readable, char *scratch, uint64_t *moved)
{
	enum relay_verdict v = RELAY_FINE;
	ssize_t n;

	if (r->down_way == RELAY_SINK && is_readable)
		drop_from_backend(r, scratch);
	while (v == RELAY_FINE && r->down_way == RELAY_OPEN && is_readable &&
	       queued_bytes(r) == 0 && *moved < RELAY_BUDGET) {
		n = recv(r->backend_fd, scratch, RELAY_SCRATCH, 0);
		if (n <= 0)
			return note_backend_end(r, n);
		*moved += (uint64_t)n;
		is_readable = n == RELAY_SCRATCH;
		v = encrypt(r, scratch, (size_t)n);
		/* only the end can follow: it leaves together with this */
		if (v == RELAY_FINE && !is_readable &&
		    r->backend_end != WATCH_OPEN)
			return note_backend_end(r, 0);
		if (v == RELAY_FINE)
			v = flush(r);
	}
	return v;
}

static void
end_down(struct relay *r)
{
	(void)shutdown(r->tls->fd, SHUT_WR);
	r->down_way = RELAY_ENDED;
}

enum relay_verdict
relay_run(struct relay *r, unsigned client_ready, unsigned backend_ready,
    char *scratch, struct relay_moved *moved)
{
	size_t queued = queued_bytes(r);
	enum relay_verdict v;

	*moved = (struct relay_moved){ 0 };
	if (buf_len(&r->up) > 0 && (backend_ready & WATCH_WRITE))
		send_stored(r);
	v = run_up(r, client_ready & WATCH_READ, scratch, &moved->up);
	if (v != RELAY_FINE)
		return v;
	/* OpenSSL may have answered by itself, to a KeyUpdate for example */
	if (client_ready & WATCH_WRITE || queued_bytes(r) > queued)
		v = flush(r);
	if (v == RELAY_FINE)
		v = run_down(
		    r, backend_ready & WATCH_READ, scratch, &moved->down);
	if (r->down_way == RELAY_ENDING && queued_bytes(r) == 0)
		end_down(r);
	return v;
}

void
relay_end(struct relay *r, bool is_orderly)
{
	become_sink(r);
	if (r->down_way == RELAY_OPEN)
		r->down_way = RELAY_ENDING;
	r->is_abortive = !is_orderly;
	if (is_orderly)
		tls_io_shutdown(r->tls);
	(void)flush(r); /* a client that is gone shows at the next read */
}

unsigned
relay_client_wants(const struct relay *r)
{
	unsigned wants = queued_bytes(r) > 0 ? WATCH_WRITE : 0;

	if (r->up_way == RELAY_SINK ||
	    (r->up_way == RELAY_OPEN && buf_len(&r->up) == 0))
		wants |= WATCH_READ;
	return wants;
}

unsigned
relay_backend_wants(const struct relay *r)
{
	unsigned wants = buf_len(&r->up) > 0 || r->up_again ? WATCH_WRITE : 0;

	if (r->down_way == RELAY_SINK ||
	    (r->down_way == RELAY_OPEN && queued_bytes(r) == 0))
		wants |= WATCH_READ;
	return wants;
}

/*
 * What rproxy ends without such a silence may be an answer given before all of
 * the request was read: what the client then still sends is no new request.
 */
bool
relay_is_crossed(const struct relay *r, uint64_t silent_ms)
{
	struct pollfd client = { .fd = r->tls->fd, .events = POLLIN };
	char byte;

	if (silent_ms < RELAY_IDLE_MS || r->up_way != RELAY_OPEN ||
	    r->down_way != RELAY_OPEN || buf_len(&r->up) > 0 ||
	    queued_bytes(r) > 0)
		return false;
	if (recv(r->backend_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0 ||
	    is_backend_gone(r))
		return false;
	return tls_io_has_more(r->tls) || poll(&client, 1, 0) == 1;
}

bool
relay_is_over(const struct relay *r)
{
	return r->down_way == RELAY_ENDED && r->up_way == RELAY_ENDED;
}

bool
relay_is_lingering(const struct relay *r)
{
	return r->down_way == RELAY_ENDED && r->up_way == RELAY_SINK;
}
