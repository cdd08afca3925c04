/*
 * One TLS connection as verdicts: the only caller of SSL_do_handshake,
 * SSL_read, SSL_write and SSL_shutdown.  Runs in the worker.
 *
 * One receive brings several records, from memory that all connections share.
 * What OpenSSL writes is gathered and leaves with one send per
 * tls_io_flush(): several records, one system call.
 *
 * A handshake that waits for the signer is suspended (an OpenSSL asynchronous
 * job) and the call returns TLS_WANT_SIGNER; sign->on_done runs later, from
 * the loop, and then tls_io_handshake() is to be called again.
 *
 * We are the server or the client, as the context was made for one or the
 * other.  "Client" below is the peer where we are the server.
 */
#ifndef TLSD_WORKER_TLS_IO_H
#define TLSD_WORKER_TLS_IO_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "common/buf.h"
#include "tlsd/worker/signer_client.h"

/* Ciphertext that may wait for a slow client; bytes per connection. */
#define TLS_IO_OUT_MAX (256 * 1024)
/* Ciphertext that one call may receive; bytes per process. */
#define TLS_IO_RECV_MAX (128 * 1024)

struct site_conf;

enum tls_verdict {
	TLS_OK,
	TLS_WANT_READ,
	TLS_WANT_WRITE, /* flush when the socket is writable */
	TLS_WANT_SIGNER,
	TLS_CLOSED,    /* close_notify: the client's orderly end */
	TLS_TRUNCATED, /* end of the connection without it, or reset */
	TLS_FAILED,    /* tls_io_error() says why */
};

struct tls_io {
	SSL *ssl; /* owned */
	int fd;   /* borrowed from the connection's watch */
	bool alert_from_peer;
	/*
	 * out holds nothing that the client waits for: a ticket, which may
	 * leave with the first response.
	 */
	bool out_may_wait;
	bool has_written;  /* something has been put into out, ever */
	bool has_received; /* a byte, ever */
	struct buf out;    /* ciphertext not yet sent */
	struct buf in; /* ciphertext left over from a call; tls_bio.c's own */
	struct sign_op *sign; /* borrowed; NULL once hands are shaken, or not */
	const struct site_conf *site; /* borrowed; NULL: none chosen yet */
	/* The peer asked for a second handshake (TLS 1.2); it got a warning. */
	bool has_refused_another;
	const char *error;  /* constant text: alert or reason, see below */
	const char *detail; /* OpenSSL's words for it, constant; NULL: none */

	/* tls_io.c's and tls_bio.c's own */
	enum tls_verdict later; /* what the next read says; TLS_OK: nothing */
	unsigned recvs_left;    /* that the call under way may make */
	bool is_starved;     /* buffered bytes, if any, are no whole record */
	bool is_ended;       /* the socket has nothing more: end or error */
	bool has_failed;     /* no further call into the SSL object */
	bool is_done;        /* the handshake is */
	bool is_flood;       /* failed for too many messages after it */
	unsigned n_late;     /* steps that these made OpenSSL take */
	uint32_t late_bytes; /* of the client's since n_late was 0 */
};

/*
 * The side is that of ctx's method.  sign: all zero but on_done; used until
 * tls_io_handshake() says that the handshake is over, one way or the other, or
 * until tls_io_close().  False: out of memory.
 */
bool tls_io_open(struct tls_io *t, SSL_CTX *ctx, int fd, struct sign_op *sign);
/* Ends a suspended handshake first; idempotent. */
void tls_io_close(struct tls_io *t);
/*
 * The stacks of handshakes that were suspended.  False: one still is, with a
 * client or with an https server, and nothing is given back.
 */
bool tls_io_give_back(void);

/* For libssl's callbacks: the client means this site (borrowed). */
void tls_io_note_site(const struct site_conf *site);

/*
 * Goes on with the handshake: at most one read, and one send that brings the
 * flight (or an alert) on its way.  On OK, as on FAILED, bytes may be left in
 * out for tls_io_flush(); a server's of TLS 1.3 always are (out_may_wait).
 */
enum tls_verdict tls_io_handshake(struct tls_io *t);
/*
 * After its OK, once: forgets what OpenSSL would keep as long as the
 * connection lasts and nobody needs any more, which is both sides' keys of
 * the exchange (of TLS 1.3, whose secret is derived), the staple sent, and
 * the client's chain as it was put into a ticket.
 */
void tls_io_settle(struct tls_io *t);
/*
 * At most one system call: OK with *n > 0 bytes; the caller goes on while
 * tls_io_has_more() says that bytes are there without asking the socket.
 */
enum tls_verdict
tls_io_read(struct tls_io *t, char *room, size_t room_bytes, size_t *n);
bool tls_io_has_more(const struct tls_io *t);
/*
 * Encrypts as much as TLS_IO_OUT_MAX allows into out; *taken says how much.
 * Sends nothing: call tls_io_flush().
 */
enum tls_verdict
tls_io_write(struct tls_io *t, const char *p, size_t len_bytes, size_t *taken);
/* One send: OK when everything is out, WANT_WRITE when some is left. */
enum tls_verdict tls_io_flush(struct tls_io *t);
/* Queues close_notify (once); flush sends it. */
void tls_io_shutdown(struct tls_io *t);
/*
 * Why TLS_FAILED: the alert's name in RFC 8446 spelling ("unknown_ca",
 * "handshake_failure"), or "http_request", "signer_failed", "message_flood",
 * "protocol_error".
 */
const char *tls_io_error(const struct tls_io *t);

/* The signer has been asked and has not answered. */
bool tls_io_is_signing(const struct tls_io *t);
/* WATCH_READ and WATCH_WRITE, during the handshake. */
unsigned tls_io_handshake_wants(const struct tls_io *t);

#endif
