/*
 * One TLS connection as verdicts.  Runs in the worker; the only caller of
 * SSL_do_handshake, SSL_read, SSL_write and SSL_shutdown.
 *
 * Below OpenSSL is one BIO of our own:
 *
 *	recv(fd) -> arrived -> on_bio_read -> OpenSSL
 *	send(fd) <- t->out <- on_bio_write <-
 *
 * Reading: each call from above grants one recv(), which brings as many
 * records as there are.  When it is used up the BIO says "later" without a
 * system call (it would almost always find EAGAIN), and the loop, which is
 * level-triggered, tells us if there was more.  OpenSSL's own read-ahead is
 * off: it moves all that lies behind a record to the front of its buffer, for
 * each record.  What OpenSSL has not asked for when a call ends (rarely
 * anything: the caller's room was short, or the handshake has just ended) is
 * kept in t->in.
 *
 * Writing: tls_io_write() encrypts only what is sure to fit below
 * TLS_IO_OUT_MAX, so OpenSSL never holds a record that it could not put
 * anywhere.  What OpenSSL sends by itself (alerts, key updates, tickets) may
 * go a little above it.
 */
#include <errno.h>
#include <openssl/async.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>

#include "common/check.h"
#include "common/watch.h"
#include "tlsd/worker/alert.h"
#include "tlsd/worker/signer_provider.h"
#include "tlsd/worker/tls_io.h"

#define RECORD_MAX 16384
#define RECORD_OVERHEAD_MAX 256
#define OUT_RESERVE (32 * 1024) /* above TLS_IO_OUT_MAX */
/*
 * What one call receives while it shakes hands.  More than the flight is kept
 * until the signer has answered, for each of many strangers.
 */
#define HANDSHAKE_RECV_MAX RECORD_MAX
/*
 * Key updates and attempts to renegotiate make us work for nothing, and so do
 * a server's tickets.  A peer may cause so many steps (one to three each) for
 * so many bytes it sends.
 */
#define LATE_STEPS_MAX 300
#define LATE_BYTES (1024 * 1024)

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

/* the BIO ----------------------------------------------------------------- */

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
	struct tls_io *t = BIO_get_data(bio);
	int v = 1;

	BIO_clear_retry_flags(bio);
	if (arrived.len == 0)
		v = receive(t);
	if (v > 0)
		return (int)take_arrived(room, (size_t)room_bytes);
	if (v < 0)
		BIO_set_retry_read(bio);
	return v;
}

static int
on_bio_write(BIO *bio, const char *p, int len_bytes)
{
	struct tls_io *t = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	t->out_may_wait = false;
	t->has_written = true;
	if (buf_append(
		&t->out, p, (size_t)len_bytes, TLS_IO_OUT_MAX + OUT_RESERVE))
		return len_bytes;
	BIO_set_retry_write(bio);
	return -1;
}

static long
on_bio_ctrl(BIO *bio, int what, long num, void *p)
{
	const struct tls_io *t = BIO_get_data(bio);

	(void)num;
	(void)p;
	switch (what) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return t->is_ended;
	default: /* OpenSSL's numbers, not ours */
		return 0;
	}
}

/* Made once per process. */
static BIO_METHOD *
bio_method(void)
{
	static BIO_METHOD *m;

	if (m != NULL)
		return m;
	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tlsd");
	if (m != NULL && BIO_meth_set_read(m, on_bio_read) == 1 &&
	    BIO_meth_set_write(m, on_bio_write) == 1 &&
	    BIO_meth_set_ctrl(m, on_bio_ctrl) == 1)
		return m;
	BIO_meth_free(m);
	m = NULL;
	return NULL;
}

/* What was left over comes first; at most max_bytes are received. */
static void
begin_arrival(struct tls_io *t, size_t max_bytes)
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

/* False: out of memory. */
static bool
end_arrival(struct tls_io *t)
{
	size_t len = arrived.len;

	arrived.len = 0;
	return len == 0 || buf_append(&t->in, arrived.bytes + arrived.at, len,
			       TLS_IO_RECV_MAX);
}

/* why --------------------------------------------------------------------- */

/* OpenSSL tells of each alert, sent or received, and of each step. */
static void
on_ssl_info(const SSL *ssl, int where, int ret)
{
	struct tls_io *t = SSL_get_app_data(ssl);
	uint8_t description = (uint8_t)(ret & 0xff);

	if (t->is_done &&
	    (where == SSL_CB_ACCEPT_LOOP || where == SSL_CB_CONNECT_LOOP))
		t->n_late++;
	if ((where & SSL_CB_ALERT) == 0 || t->error != NULL)
		return;
	if (description == SSL_AD_CLOSE_NOTIFY ||
	    description == SSL_AD_USER_CANCELLED)
		return;
	t->error = alert_name(description);
	t->alert_from_peer = (where & SSL_CB_READ) != 0;
}

static bool
is_http(unsigned long error)
{
	return ERR_GET_LIB(error) == ERR_LIB_SSL &&
	       (ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST ||
		   ERR_GET_REASON(error) == SSL_R_HTTPS_PROXY_REQUEST);
}

/* Something is wrong for good; which words for it. */
static enum tls_verdict
fail(struct tls_io *t)
{
	t->has_failed = true;
	t->detail = ERR_reason_error_string(ERR_peek_error());
	if (t->sign.status != SIGN_OK) {
		t->error = "signer_failed";
		t->alert_from_peer = false;
	} else if (is_http(ERR_peek_error())) {
		t->error = "http_request";
	} else if (t->is_ended && !t->alert_from_peer) {
		return TLS_TRUNCATED; /* whatever alert OpenSSL made of it */
	} else if (t->error == NULL) {
		t->error = "protocol_error";
	}
	return TLS_FAILED;
}

/* Looking is much cheaper than clearing. */
static void
forget_errors(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

/* What ret of an SSL call means, before which the queue was empty. */
static enum tls_verdict
verdict(struct tls_io *t, int ret)
{
	enum tls_verdict v;

	if (ret > 0)
		return TLS_OK;
	switch (SSL_get_error(t->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		v = TLS_WANT_READ;
		break;
	case SSL_ERROR_WANT_WRITE:
		v = TLS_WANT_WRITE;
		break;
	case SSL_ERROR_WANT_ASYNC:
		v = TLS_WANT_SIGNER;
		break;
	case SSL_ERROR_ZERO_RETURN:
		v = TLS_CLOSED;
		break;
	default: /* OpenSSL's numbers, not ours */
		v = fail(t);
		break;
	}
	forget_errors();
	return v;
}

const char *
tls_io_error(const struct tls_io *t)
{
	return t->error != NULL ? t->error : "protocol_error";
}

/* open and close ---------------------------------------------------------- */

bool
tls_io_open(struct tls_io *t, SSL_CTX *ctx, int fd,
    void (*on_signed)(struct sign_op *op))
{
	BIO_METHOD *method = bio_method();
	BIO *bio = method != NULL ? BIO_new(method) : NULL;

	memset(t, 0, sizeof(*t));
	t->fd = fd;
	t->sign.on_done = on_signed;
	t->ssl = SSL_new(ctx);
	if (t->ssl == NULL || bio == NULL) {
		SSL_free(t->ssl);
		BIO_free(bio);
		t->ssl = NULL;
		ERR_clear_error();
		return false;
	}
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, (char *)t);
	SSL_set_info_callback(t->ssl, on_ssl_info);
	if (SSL_is_server(t->ssl))
		SSL_set_accept_state(t->ssl);
	else
		SSL_set_connect_state(t->ssl);
	SSL_set_mode(t->ssl, SSL_MODE_ASYNC);
	return true;
}

static enum tls_verdict
run_handshake(struct tls_io *t)
{
	enum tls_verdict v;

	forget_errors();
	signer_provider_use(&t->sign);
	v = verdict(t, SSL_do_handshake(t->ssl));
	signer_provider_use(NULL);
	return v;
}

/* A suspended job belongs to no one but its SSL object, and must end. */
static void
end_suspended(struct tls_io *t)
{
	signer_provider_cancel(&t->sign);
	t->recvs_left = 0;
	while (SSL_waiting_for_async(t->ssl))
		run_handshake(t);
}

void
tls_io_close(struct tls_io *t)
{
	if (t->ssl == NULL)
		return;
	end_suspended(t);
	SSL_free(t->ssl);
	t->ssl = NULL;
	t->fd = -1;
	buf_release(&t->out);
	buf_release(&t->in);
}

void
tls_io_give_back(void)
{
	ASYNC_cleanup_thread();
}

/* handshake --------------------------------------------------------------- */

/* After a pause for the signer, and before the first word of a client. */
static bool
is_our_turn(const struct tls_io *t)
{
	return SSL_waiting_for_async(t->ssl) ||
	       (!SSL_is_server(t->ssl) && !t->has_written);
}

enum tls_verdict
tls_io_handshake(struct tls_io *t)
{
	enum tls_verdict v, flushed;

	if (t->has_failed)
		return TLS_FAILED;
	t->recvs_left = is_our_turn(t) ? 0 : 1;
	begin_arrival(t, HANDSHAKE_RECV_MAX);
	v = run_handshake(t);
	if (!end_arrival(t)) {
		v = fail(t);
		end_suspended(t);
	}
	if (v == TLS_OK) {
		t->is_done = true;
		SSL_clear_mode(t->ssl, SSL_MODE_ASYNC);
	}
	if (v == TLS_WANT_SIGNER)
		return v;
	if (v == TLS_OK && SSL_is_server(t->ssl) &&
	    SSL_version(t->ssl) == TLS1_3_VERSION) {
		t->out_may_wait = true;
		return v;
	}
	/* a client that leaves after its last message: the next read tells */
	flushed = tls_io_flush(t);
	return v == TLS_WANT_READ && flushed != TLS_OK ? flushed : v;
}

bool
tls_io_is_signing(const struct tls_io *t)
{
	return t->sign.id != 0 && !t->sign.done;
}

unsigned
tls_io_handshake_wants(const struct tls_io *t)
{
	if (tls_io_is_signing(t))
		return 0;
	return buf_len(&t->out) > 0 ? WATCH_READ | WATCH_WRITE : WATCH_READ;
}

/* reading ----------------------------------------------------------------- */

static enum tls_verdict
read_record(struct tls_io *t, char *room, size_t room_bytes, size_t *n)
{
	enum tls_verdict v;

	forget_errors();
	v = verdict(t, SSL_read_ex(t->ssl, room, room_bytes, n));
	t->is_starved = v == TLS_WANT_READ;
	return v;
}

/*
 * So much that it, and a record that OpenSSL has begun, can be decrypted into
 * the room; a short room just leaves something over.
 */
static size_t
receivable(size_t room_bytes)
{
	return room_bytes > 2 * RECORD_MAX ? room_bytes - RECORD_MAX
					   : RECORD_MAX;
}

static bool
is_flood(struct tls_io *t, size_t got)
{
	t->late_bytes += got;
	if (t->late_bytes >= LATE_BYTES) {
		t->late_bytes = 0;
		t->n_late = 0;
	}
	if (t->n_late <= LATE_STEPS_MAX)
		return false;
	t->is_flood = true;
	t->has_failed = true;
	t->error = "message_flood";
	t->alert_from_peer = false;
	return true;
}

enum tls_verdict
tls_io_read(struct tls_io *t, char *room, size_t room_bytes, size_t *n)
{
	enum tls_verdict v = t->later;
	size_t got;

	*n = 0;
	if (v != TLS_OK)
		return v;
	if (t->has_failed)
		return TLS_FAILED;
	t->recvs_left = 1;
	begin_arrival(t, receivable(room_bytes));
	do {
		v = read_record(t, room + *n, room_bytes - *n, &got);
		if (v == TLS_OK)
			*n += got;
	} while (v == TLS_OK && *n < room_bytes &&
		 (arrived.len > 0 || SSL_has_pending(t->ssl)));
	if (!end_arrival(t))
		v = fail(t);
	if (is_flood(t, *n))
		v = TLS_FAILED;
	if (*n == 0)
		return v;
	if (v == TLS_CLOSED || v == TLS_TRUNCATED || v == TLS_FAILED)
		t->later = v;
	return TLS_OK;
}

bool
tls_io_has_more(const struct tls_io *t)
{
	if (t->later != TLS_OK || buf_len(&t->in) > 0)
		return true;
	return !t->is_starved && SSL_has_pending(t->ssl);
}

/* writing ----------------------------------------------------------------- */

/* One record's worth that is sure to fit, 0 when out is full. */
static size_t
fitting(const struct tls_io *t, size_t len_bytes)
{
	size_t used = buf_len(&t->out) + RECORD_OVERHEAD_MAX;

	if (used >= TLS_IO_OUT_MAX)
		return 0;
	if (len_bytes > RECORD_MAX)
		len_bytes = RECORD_MAX;
	return len_bytes < TLS_IO_OUT_MAX - used ? len_bytes
						 : TLS_IO_OUT_MAX - used;
}

enum tls_verdict
tls_io_write(struct tls_io *t, const char *p, size_t len_bytes, size_t *taken)
{
	*taken = 0;
	if (t->has_failed)
		return TLS_FAILED;
	while (*taken < len_bytes) {
		size_t want = fitting(t, len_bytes - *taken), got = 0;
		enum tls_verdict v;

		if (want == 0)
			return *taken > 0 ? TLS_OK : TLS_WANT_WRITE;
		forget_errors();
		v = verdict(t, SSL_write_ex(t->ssl, p + *taken, want, &got));
		if (v != TLS_OK)
			return *taken > 0 ? TLS_OK : v;
		*taken += got;
	}
	return TLS_OK;
}

enum tls_verdict
tls_io_flush(struct tls_io *t)
{
	struct slice s = buf_slice(&t->out);
	ssize_t n;

	t->out_may_wait = false;
	if (s.len == 0)
		return TLS_OK;
	n = send(t->fd, s.p, s.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? TLS_WANT_WRITE
							 : TLS_TRUNCATED;
	buf_consume(&t->out, (size_t)n);
	if (buf_len(&t->out) > 0)
		return TLS_WANT_WRITE;
	buf_release(&t->out);
	return TLS_OK;
}

void
tls_io_shutdown(struct tls_io *t)
{
	if (t->has_failed || (SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN))
		return;
	forget_errors();
	SSL_shutdown(t->ssl);
	forget_errors();
}
