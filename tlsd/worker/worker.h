/*
 * A tlsd worker: accepts clients, speaks TLS with them, hands their bytes to
 * rproxy, and rproxy's to https servers.  Holds no key and opens no file once
 * it is ready, but to look up names.
 *
 * The struct is what the objects of one worker share; they borrow it, and it
 * outlives them all.
 */
#ifndef TLSD_WORKER_WORKER_H
#define TLSD_WORKER_WORKER_H

#include <sys/queue.h>
#include <uv.h>

#include "common/child.h"
#include "common/deadline.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "tlsd/config.h"
#include "tlsd/worker/address_limit.h"
#include "tlsd/worker/backend.h"
#include "tlsd/worker/egress.h"
#include "tlsd/worker/handshake_report.h"
#include "tlsd/worker/handshakes.h"
#include "tlsd/worker/signer_client.h"
#include "tlsd/worker/tls_context.h"
#include "tlsd/worker/unique_id.h"

struct client_conn;
struct acceptor;

struct worker {
	uv_loop_t loop;
	unsigned index;
	unsigned generation;
	uint64_t started_ms;
	size_t burst_bytes;              /* that a client is sent at a time */
	struct tlsd_config *config;      /* owned */
	struct metrics *metrics;         /* owned */
	struct deadlines *deadlines;     /* owned */
	struct signer_client *signer;    /* owned */
	struct tls_contexts *contexts;   /* owned */
	struct address_limit *addresses; /* owned */
	struct handshakes handshakes;
	struct handshake_report report;
	struct backend backend;
	struct egress egress;
	char *scratch; /* owned, RELAY_SCRATCH bytes; nobody's between calls */
	struct acceptor *acceptors; /* owned, n_acceptors of them */
	size_t n_acceptors;
	TAILQ_HEAD(, client_conn) clients;
	unsigned n_clients;
	bool has_served;          /* in this turn: bytes of a request */
	uint64_t n_announced;     /* makes unique ids unique */
	struct deadline ask_peer; /* for another channel to the signer */
	struct deadline drain;
	struct mem_crowd crowd; /* of clients */
	struct deadline give_back;
	unsigned n_shaken;     /* handshakes, since the last quiet */
	struct deadline quiet; /* after many of them */
	bool is_leaving;       /* no new clients; the last one ends the loop */
	bool is_last;          /* no other generation follows */
};

/* The role's main: returns the exit code. */
int tlsd_worker_main(const struct inheritance *in);

/* The name of the next connection, pointing into out. */
struct slice worker_next_id(struct worker *w, char out[UNIQUE_ID_MAX]);

/* A connection has left the list, which makes room too. */
void worker_note_left(struct worker *w);
/* A handshake has ended, which makes room for another. */
void worker_note_shaken(struct worker *w);
/* There is room for another. */
void worker_note_room(struct worker *w);

#endif
