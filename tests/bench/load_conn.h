/*
 * One connection of the load generator, and what all connections share.
 */
#ifndef TESTS_BENCH_LOAD_CONN_H
#define TESTS_BENCH_LOAD_CONN_H

#include <openssl/ssl.h>
#include <sys/queue.h>

#include "tests/bench/load_pace.h"
#include "tests/bench/load_plan.h"
#include "tests/bench/load_response.h"
#include "tests/bench/load_stats.h"

struct load_conn;
TAILQ_HEAD(load_conn_queue, load_conn);

struct load {
	const struct load_plan *plan; /* borrowed from main */
	SSL_CTX *tls;                 /* owned */
	int epoll_fd;
	struct load_stats stats;
	struct load_pace pace;
	struct load_conn_queue free; /* open loop: wait for a due request */
	unsigned n_up;               /* connections that have served once */
	unsigned n_held;
	unsigned n_given_up;  /* LOAD_HOLD: failed, not tried again */
	unsigned n_opened;    /* in all; chooses address and name */
	uint64_t patience_ns; /* warming up begins by then */
	char *scratch;        /* owned, LOAD_SCRATCH_BYTES */
};

#define LOAD_SCRATCH_BYTES ((size_t)256 * 1024)

enum load_state {
	LOAD_OFF,
	LOAD_CONNECT,
	LOAD_HANDSHAKE,
	LOAD_FREE,
	LOAD_SEND,
	LOAD_RECEIVE,
	LOAD_LAST, /* answered; the server's end is awaited */
	LOAD_HELD
};

struct load_conn {
	struct load *load; /* borrowed, outlives us */
	int fd;
	enum load_state state;
	SSL *ssl;                     /* owned */
	SSL_SESSION *ticket;          /* owned; of the connection before */
	const struct load_host *host; /* borrowed from the plan */
	size_t sent_bytes;
	uint64_t begun_ns;
	bool is_up;
	struct load_response response;
	TAILQ_ENTRY(load_conn) link; /* in load->free while LOAD_FREE */
};

void load_conn_init(struct load_conn *c, struct load *load);
void load_conn_fini(struct load_conn *c);

void load_conn_open(struct load_conn *c);

/* Does what can be done; harmless when called once too often. */
void load_conn_advance(struct load_conn *c);

/* Open loop: gives due requests to free connections. */
void load_conn_serve_due(struct load *load);

/* For SSL_CTX_sess_set_new_cb(). */
int load_conn_on_ticket(SSL *ssl, SSL_SESSION *ticket);

#endif
