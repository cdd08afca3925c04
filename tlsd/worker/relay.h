/*
 * The bytes of one client connection between OpenSSL and rproxy's socket,
 * both ways, each way ending by itself.  Runs in the worker; knows nothing of
 * the loop, of states or deadlines, and never closes a descriptor.
 *
 *	up	client -> rproxy	down	rproxy -> client
 *
 * On a connection to an https server (egress_conn.c) the server is in the
 * client's place, and rproxy in its own: "up" is then what the server sends.
 *
 * Bytes pass through a scratch buffer that all connections of a worker
 * share; a connection holds memory only for what the other side has not
 * taken: at most RELAY_UP_MAX decrypted bytes up, TLS_IO_OUT_MAX of
 * ciphertext down.  As long as something is held, its source is not read.
 */
#ifndef TLSD_WORKER_RELAY_H
#define TLSD_WORKER_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/proxy_v2.h"
#include "common/watch.h"
#include "tlsd/worker/tls_io.h"

#define RELAY_IDLE_MS 500 /* half of what rproxy lets pass, at least */
#define RELAY_SCRATCH (128 * 1024)
/* Bytes each way per wake-up: one bulk connection must not starve others. */
#define RELAY_BUDGET (256 * 1024)
/* The PROXY header and the first bytes wait here while rproxy is away. */
#define RELAY_UP_MAX (PROXY_V2_MAX + RELAY_SCRATCH)

enum relay_way {
	RELAY_OPEN,
	RELAY_ENDING, /* the source has ended, some bytes have not left */
	RELAY_SINK,   /* the other side takes no more, bytes are dropped */
	RELAY_ENDED,  /* and the other side knows */
};

struct relay {
	struct tls_io *tls; /* borrowed from the connection */
	int backend_fd;     /* borrowed from the connection's watch, -1: none */
	enum watch_end
	    backend_end;    /* what that watch knows, set by the owner */
	size_t burst_bytes; /* sent at a time (common/burst.h) */
	struct buf up;      /* decrypted bytes that rproxy did not take */
	enum relay_way up_way;
	enum relay_way down_way;
	bool up_again;     /* OpenSSL holds bytes that no event announces */
	bool is_abortive;  /* the client gets no close_notify */
	bool is_wide;      /* rproxy's socket has the larger buffer */
	bool close_is_end; /* rproxy's place is taken by one that just closes */
	bool is_to_server; /* egress: what is said of a client is a server */
};

/* What one call moved, in bytes. */
struct relay_moved {
	uint64_t up;
	uint64_t down;
};

enum relay_verdict {
	RELAY_FINE,
	RELAY_VANISHED, /* the client is gone, without close_notify */
	RELAY_BROKEN, /* TLS failed (an alert waits in tls->out) or no memory */
};

/*
 * close_is_end: a receiver that closes without a shutdown has finished.
 * burst_bytes: what TCP is given at a time.
 */
void relay_init(
    struct relay *r, struct tls_io *tls, bool close_is_end, size_t burst_bytes);
/*
 * For a server in the client's place: up are its answers.  When it takes no
 * more it is not given up (RELAY_VANISHED) before all it has said is read.
 */
void
relay_init_to_server(struct relay *r, struct tls_io *tls, size_t burst_bytes);
/* Gives all memory back; idempotent. */
void relay_fini(struct relay *r);

/*
 * Decrypts what is there into scratch (RELAY_SCRATCH bytes): several records,
 * one system call at most.  *n may be 0, and more than 0 with any verdict.
 */
enum relay_verdict relay_read(struct relay *r, char *scratch, size_t *n);

/* rproxy's connection is there: what waits in up may go. */
void relay_attach(struct relay *r, int backend_fd);

/*
 * Moves what can be moved.  The masks say which of WATCH_READ and WATCH_WRITE
 * have been reported for the two descriptors; calling it without any is
 * harmless.
 */
enum relay_verdict relay_run(struct relay *r, unsigned client_ready,
    unsigned backend_ready, char *scratch, struct relay_moved *moved);

/*
 * The client gets what is queued, close_notify if is_orderly, and the end of
 * the stream; what it still sends is thrown away.  rproxy is not asked.
 */
void relay_end(struct relay *r, bool is_orderly);

/* What to wait for: WATCH_READ, WATCH_WRITE. */
unsigned relay_client_wants(const struct relay *r);
unsigned relay_backend_wants(const struct relay *r);

/*
 * rproxy has ended an idle connection, in order, and the client has begun a
 * request in the same moment, which nobody has read yet: it is for another
 * connection to rproxy.  silent_ms: since the last byte either way; the kernel
 * is asked only when that is long enough.
 */
bool relay_is_crossed(const struct relay *r, uint64_t silent_ms);
/* Neither side expects anything more. */
bool relay_is_over(const struct relay *r);
/* The client has been told the end; rproxy has gone or will take no more. */
bool relay_is_lingering(const struct relay *r);

#endif
