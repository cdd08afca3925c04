/*
 * The BIO below OpenSSL.  Runs in the worker.
 *
 *	recv(fd) -> arrived -> on_bio_read -> OpenSSL
 *	send(fd) <- caller's out <- on_bio_write <-
 *
 * Reading: each call from above grants one recv(), which brings as many
 * records as there are.  When it is used up the BIO says "later" without a
 * system call (it would almost always find EAGAIN), and the loop, which is
 * level-triggered, tells us if there was more.  OpenSSL's own read-ahead is
 * off: it moves all that lies behind a record to the front of its buffer, for
 * each record.  What OpenSSL has not asked for when a call ends (rarely
 * anything: the caller's room was short, or the handshake has just ended) is
 * kept in t->in.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/check.h"
#include "tlsd/worker/tls_bio.h"

/* NULL between calls. */
static struct tls_io *caller;
/*
 * What one recv() has brought; a call's own, empty between calls.  One for
 * all connections of the process, so that an upload finds it in the cache and
 * an idle connection holds none.
 */
static struct {
	size_t at;
	size_t len;
	size_t max; /* to receive */
	char bytes[TLS_IO_RECV_MAX];
} arrived;

/* Moves to room what OpenSSL asks for of what has arrived. */
static size_t
take_arrived(char *room, size_t n)
{
	if (n > arrived.len)
		n = arrived.len;
	memcpy(room, arrived.bytes + arrived.at, n);
	arrived.at += n;
	arrived.len -= n;
	return n;
}

/* 1: something has arrived; 0: the end, or an error; -1: not now. */
static int
receive(struct tls_io *t)
{
	ssize_t n;

	if (t->recvs_left == 0)
		return -1;
	t->recvs_left--;
	n = recv(t->fd, arrived.bytes, arrived.max, MSG_DONTWAIT);
	if (n > 0) {
		t->has_received = true;
		arrived.at = 0;
		arrived.len = (size_t)n;
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -1;
	t->is_ended = true;
	return 0;
}

static int
on_bio_read(BIO *bio, char *room, int room_bytes)
{
	int v = 1;

	BIO_clear_retry_flags(bio);
	if (arrived.len == 0)
		v = receive(caller);
	if (v > 0)
		return (int)take_arrived(room, (size_t)room_bytes);
	if (v < 0)
		BIO_set_retry_read(bio);
	return v;
}

void
tls_bio_note_lack_of_memory(struct tls_io *t)
{
	if (t->error == NULL)
		t->error = "internal_error";
}

static int
on_bio_write(BIO *bio, const char *p, int len_bytes)
{
	struct tls_io *t = caller;

	BIO_clear_retry_flags(bio);
	t->out_may_wait = false;
	t->has_written = true;
	if (buf_append(&t->out, p, (size_t)len_bytes,
		TLS_IO_OUT_MAX + TLS_BIO_OUT_RESERVE))
		return len_bytes;
	/* for good: no event would say that there is memory again */
	tls_bio_note_lack_of_memory(t);
	return -1;
}

static long
on_bio_ctrl(BIO *bio, int what, long num, void *p)
{
	(void)bio;
	(void)num;
	(void)p;
	switch (what) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return caller->is_ended;
	default: /* OpenSSL's numbers, not ours */
		return 0;
	}
}

static BIO_METHOD *
bio_method(void)
{
	BIO_METHOD *m =
	    BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tlsd");

	if (m != NULL && BIO_meth_set_read(m, on_bio_read) == 1 &&
	    BIO_meth_set_write(m, on_bio_write) == 1 &&
	    BIO_meth_set_ctrl(m, on_bio_ctrl) == 1)
		return m;
	BIO_meth_free(m);
	return NULL;
}

/*
 * Between two calls it holds nothing: whether one is to be repeated OpenSSL
 * asks it before the next begins.
 */
BIO *
tls_bio(void)
{
	static BIO_METHOD *method;
	static BIO *bio;

	if (method == NULL)
		method = bio_method();
	if (bio == NULL && method != NULL) {
		bio = BIO_new(method);
		if (bio != NULL)
			BIO_set_init(bio, 1);
	}
	return bio;
}

/* calls ------------------------------------------------------------------ */

void
tls_bio_begin_call(struct tls_io *t)
{
	CHECK(caller == NULL);
	caller = t;
}

void
tls_bio_end_call(void)
{
	caller = NULL;
}

struct tls_io *
tls_bio_caller(void)
{
	return caller;
}

void
tls_bio_begin_arrival(struct tls_io *t, size_t max_bytes)
{
	struct slice s = buf_slice(&t->in);

	arrived.max = max_bytes < TLS_IO_RECV_MAX ? max_bytes : TLS_IO_RECV_MAX;
	if (s.len == 0)
		return;
	memcpy(arrived.bytes, s.p, s.len);
	arrived.at = 0;
	arrived.len = s.len;
	buf_release(&t->in);
}

bool
tls_bio_end_arrival(struct tls_io *t)
{
	size_t len = arrived.len;

	arrived.len = 0;
	if (len == 0 || buf_append(&t->in, arrived.bytes + arrived.at, len,
			    TLS_IO_RECV_MAX))
		return true;
	tls_bio_note_lack_of_memory(t);
	return false;
}

bool
tls_bio_has_arrived(void)
{
	return arrived.len > 0;
}
