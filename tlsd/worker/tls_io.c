/*
 * One TLS connection as verdicts.  Runs in the worker; the only caller of
 * SSL_read, SSL_write, SSL_shutdown, and by signer_provider.c of
 * SSL_do_handshake.
 *
 * Writing: tls_io_write() encrypts only what is sure to fit below
 * TLS_IO_OUT_MAX, so OpenSSL never holds a record that it could not put
 * anywhere.  What OpenSSL sends by itself (alerts, key updates, tickets) may
 * go a little above it.  Reading: tls_bio.c.
 */
#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>

#include "common/watch.h"
#include "tlsd/worker/alert.h"
#include "tlsd/worker/signer_provider.h"
#include "tlsd/worker/tickets.h"
#include "tlsd/worker/tls_bio.h"
#include "tlsd/worker/tls_io.h"

#define RECORD_MAX 16384
#define RECORD_OVERHEAD_MAX 256
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

/* why --------------------------------------------------------------------- */

/* OpenSSL tells of each alert, sent or received, and of each step. */
static void
on_ssl_info(const SSL *ssl, int where, int ret)
{
	struct tls_io *t = tls_bio_caller();
	uint8_t description = (uint8_t)(ret & 0xff);

	(void)ssl;
	if (t->is_done &&
	    (where == SSL_CB_ACCEPT_LOOP || where == SSL_CB_CONNECT_LOOP))
		t->n_late++;
	if ((where & SSL_CB_ALERT) == 0 || t->error != NULL)
		return;
	if (description == SSL_AD_CLOSE_NOTIFY ||
	    description == SSL_AD_USER_CANCELLED)
		return;
	/* our answer, a warning: what ends the connection is yet to come */
	if (description == SSL_AD_NO_RENEGOTIATION &&
	    (where & SSL_CB_WRITE) != 0) {
		t->has_refused_another = true;
		return;
	}
	t->error = alert_name(description);
	t->alert_from_peer = (where & SSL_CB_READ) != 0;
}

void
tls_io_note_site(const struct site_conf *site)
{
	if (tls_bio_caller() != NULL)
		tls_bio_caller()->site = site;
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
	if (t->sign != NULL && t->sign->status != SIGN_OK) {
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

static void
begin_call(struct tls_io *t)
{
	tls_bio_begin_call(t);
	forget_errors();
}

/* What ret of the call means that has begun with begin_call(). */
static enum tls_verdict
end_call(struct tls_io *t, int ret)
{
	enum tls_verdict v;

	tls_bio_end_call();
	if (ret > 0)
		return TLS_OK;
	switch (SSL_get_error(t->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		v = TLS_WANT_READ;
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
tls_io_open(struct tls_io *t, SSL_CTX *ctx, int fd, struct sign_op *sign)
{
	BIO *bio = tls_bio();

	memset(t, 0, sizeof(*t));
	t->fd = fd;
	t->sign = sign;
	t->ssl = SSL_new(ctx);
	if (t->ssl == NULL || bio == NULL || BIO_up_ref(bio) != 1) {
		SSL_free(t->ssl);
		t->ssl = NULL;
		ERR_clear_error();
		return false;
	}
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_info_callback(t->ssl, on_ssl_info);
	if (SSL_is_server(t->ssl))
		SSL_set_accept_state(t->ssl);
	else
		SSL_set_connect_state(t->ssl);
	return true;
}

static enum tls_verdict
run_handshake(struct tls_io *t)
{
	enum tls_verdict v = TLS_WANT_SIGNER;
	int ret;

	begin_call(t);
	switch (signer_provider_handshake(t->ssl, t->sign, &ret)) {
	case SIGNER_PROVIDER_RETURNED:
		return end_call(t, ret);
	case SIGNER_PROVIDER_SUSPENDED:
		break;
	case SIGNER_PROVIDER_NO_MEMORY:
		tls_bio_note_lack_of_memory(t);
		v = fail(t);
		break;
	}
	tls_bio_end_call();
	forget_errors();
	return v;
}

/* A suspended handshake must come to its end before its SSL object goes. */
static void
end_signing(struct tls_io *t)
{
	if (t->sign == NULL)
		return;
	signer_provider_cancel(t->sign);
	t->recvs_left = 0;
	while (t->sign->job != NULL)
		run_handshake(t);
	t->sign = NULL;
}

void
tls_io_close(struct tls_io *t)
{
	if (t->ssl == NULL)
		return;
	end_signing(t);
	SSL_free(t->ssl);
	t->ssl = NULL;
	t->fd = -1;
	buf_release(&t->out);
	buf_release(&t->in);
}

bool
tls_io_give_back(void)
{
	return signer_provider_give_back();
}

/* handshake --------------------------------------------------------------- */

/* After a pause for the signer, and before the first word of a client. */
static bool
is_our_turn(const struct tls_io *t)
{
	return t->sign->job != NULL ||
	       (!SSL_is_server(t->ssl) && !t->has_written);
}

enum tls_verdict
tls_io_handshake(struct tls_io *t)
{
	enum tls_verdict v, flushed;

	if (t->has_failed)
		return TLS_FAILED;
	t->recvs_left = is_our_turn(t) ? 0 : 1;
	tls_bio_begin_arrival(t, HANDSHAKE_RECV_MAX);
	v = run_handshake(t);
	if (!tls_bio_end_arrival(t)) {
		v = fail(t);
		end_signing(t);
	}
	if (v == TLS_OK)
		t->is_done = true;
	if (v == TLS_WANT_SIGNER)
		return v;
	if (v != TLS_WANT_READ && v != TLS_WANT_WRITE)
		end_signing(t);
	if (v == TLS_OK && SSL_is_server(t->ssl) &&
	    SSL_version(t->ssl) == TLS1_3_VERSION) {
		t->out_may_wait = true;
		return v;
	}
	/* a client that leaves after its last message: the next read tells */
	flushed = tls_io_flush(t);
	return v == TLS_WANT_READ && flushed != TLS_OK ? flushed : v;
}

/* Any type will do: what is documented is that the key's data are cleared. */
static void
clear_key(EVP_PKEY *key)
{
	(void)EVP_PKEY_set_type(key, EVP_PKEY_X25519);
	EVP_PKEY_free(key);
}

void
tls_io_settle(struct tls_io *t)
{
	EVP_PKEY *key;

	if (SSL_get_tmp_key(t->ssl, &key) == 1)
		clear_key(key);
	if (SSL_get_peer_tmp_key(t->ssl, &key) == 1)
		clear_key(key);
	SSL_set_tlsext_status_ocsp_resp(t->ssl, NULL, 0);
	tickets_settle(t->ssl);
	forget_errors();
}

bool
tls_io_is_signing(const struct tls_io *t)
{
	return t->sign != NULL && t->sign->id != 0 && !t->sign->done;
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

	begin_call(t);
	v = end_call(t, SSL_read_ex(t->ssl, room, room_bytes, n));
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
	t->late_bytes += (uint32_t)got; /* at most what was received */
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
	tls_bio_begin_arrival(t, receivable(room_bytes));
	do {
		v = read_record(t, room + *n, room_bytes - *n, &got);
		if (v == TLS_OK)
			*n += got;
	} while (v == TLS_OK && *n < room_bytes &&
		 (tls_bio_has_arrived() || SSL_has_pending(t->ssl)));
	if (!tls_bio_end_arrival(t))
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
		begin_call(t);
		v = end_call(t, SSL_write_ex(t->ssl, p + *taken, want, &got));
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
	begin_call(t);
	SSL_shutdown(t->ssl);
	tls_bio_end_call();
	forget_errors();
}
