/*
 * One client of loadgen.c: it connects, asks, compares the answer, and counts.
 *
 *	CONNECT -> HANDSHAKE -> SEND -> HEAD -> BODY -> SEND ...
 *	   ^                                     |
 *	   +------ closed, or a failure ---------+
 *
 * A keep-alive client looks whether the server has ended the connection
 * before it sends the next request, as browsers do; an end seen there is no
 * failure.  A request that was sent and gets no complete answer is one.
 *
 * Times are seconds since 1970.
 */
#ifndef TESTS_TOOLS_LOAD_CLIENT_H
#define TESTS_TOOLS_LOAD_CLIENT_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#define LOAD_KINDS 4 /* https or not, keep-alive or not */
#define LOAD_HEAD_MAX 4096

/* What all clients share. */
struct load {
	int epoll;        /* owned */
	SSL_CTX *tls;     /* owned */
	uint16_t port[2]; /* http, https */
	double gap_s;     /* from one exchange to the next */
	unsigned long exchanges[LOAD_KINDS];
	unsigned long connections, orderly, resets, failures;
};

enum state {
	PAUSE,
	CONNECT,
	HANDSHAKE,
	SEND,
	HEAD,
	BODY,
};

struct client {
	struct load *load; /* borrowed, outlives us */
	bool is_tls;
	bool keeps;
	enum state state;
	int fd;       /* owned */
	SSL *ssl;     /* owned */
	double begun; /* of the exchange, connecting included */
	double not_before;
	unsigned n_here; /* exchanges done on this connection */
	unsigned turn;
	const struct load_request *request;
	size_t sent;
	char head[LOAD_HEAD_MAX + 1];
	size_t n_head;
	size_t got;
	bool is_last; /* the server said so */
	uint32_t events;
};

double load_now(void);

/* turn: the request it begins with.  Connects when it is first advanced. */
void load_client_init(struct client *c, struct load *load, bool is_tls,
    bool keeps, unsigned turn);

/* Does what can be done now; an exchange at the most. */
void load_client_advance(struct client *c);

/* The same for what time alone brings about: pauses that end, and deadlines. */
void load_client_look_at_clock(struct client *c, double now);

#endif
