/*
 * One connection to an https server, for the files that are its parts:
 * egress_conn.c, which alone changes its state, egress_connect.c, which sees to
 * CONNECT, and egress_outcome.c, which tells rproxy and the log what became of
 * it.
 */
#ifndef TLSD_WORKER_EGRESS_CONN_INNER_H
#define TLSD_WORKER_EGRESS_CONN_INNER_H

#include <sys/queue.h>

#include "tlsd/worker/conn_pair.h"
#include "tlsd/worker/egress.h"
#include "tlsd/worker/egress_conn.h"
#include "tlsd/worker/egress_tls.h"

enum egress_state {
	EGRESS_IN_TARGET,
	EGRESS_IN_CONNECT,
	EGRESS_IN_HANDSHAKE,
	EGRESS_IN_TRIAL,
	EGRESS_IN_RELAY,
	EGRESS_IN_CLOSING,
};

struct egress_conn {
	struct conn_pair pair; /* secure: to addr, from CONNECT on */
	struct egress *home;   /* borrowed, outlives us */
	TAILQ_ENTRY(egress_conn) entry;
	enum egress_state state;
	bool has_noted_another;       /* handshake, that was refused */
	struct buf head;              /* of rproxy's header, what is there */
	struct egress_server *target; /* borrowed; NULL: not known yet */
	struct addr addr;             /* of it, that was tried last */
	unsigned next_addr;           /* of its addresses, in turn */
	unsigned n_addr;              /* of those, not tried yet */
	uint64_t connect_due_ms;      /* uv_now(); CONNECT to TRIAL */
	struct egress_tls tls;
};

/*
 * CONNECT, of egress_connect.c: each returns the state that follows,
 * EGRESS_IN_HANDSHAKE with the watch of the server open and connected and with
 * the deadline of all that is left.
 */
enum egress_state egress_connect_begin(struct egress_conn *c);
enum egress_state egress_connect_step(struct egress_conn *c);
/* The deadline has passed. */
enum egress_state egress_connect_expire(struct egress_conn *c);

/*
 * Tells, counts and logs why there is no connection.  text, a buffer of more
 * than EGRESS_TEXT_MAX bytes or a shorter text, is changed where it may not be
 * sent as it is.  Returns the state that follows.
 */
enum egress_state egress_outcome_fail_with(
    struct egress_conn *c, enum egress_code code, char *text);
enum egress_state
egress_outcome_fail(struct egress_conn *c, enum egress_code code,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Tells that there is one, and counts it.  False: rproxy is gone. */
bool egress_outcome_succeed(struct egress_conn *c);
/*
 * The server has asked for a second handshake, if it has: for the log, once.
 * It may then do without, or end the connection in any way.
 */
void egress_outcome_note_another(struct egress_conn *c);
/* TLS has failed after that: for the log alone. */
void egress_outcome_note_late(const struct egress_conn *c);

#endif
