/*
 * One listening socket: who may connect, and the client_conn made from each
 * connection.
 */
#ifndef RPROXY_FRONT_ACCEPTOR_H
#define RPROXY_FRONT_ACCEPTOR_H

#include "rproxy/front/client_conn.h"

struct acceptor {
	struct watch watch;
	struct deadline rest; /* when descriptors or memory have run out */
	struct front *front;  /* borrowed, outlives us */
	const struct listen_conf *conf; /* borrowed, outlives us */
	uint64_t full_logged_ms;        /* 0: never */
	uint64_t failed_logged_ms;      /* likewise */
	bool is_unix;
	bool resting;
};

/* Takes over fd, a listening socket.  False: it cannot be watched. */
bool acceptor_open(struct acceptor *a, struct front *f,
    const struct listen_conf *conf, const struct addr *address, int fd);
/* There may be room again: accepts if it had stopped for lack of it. */
void acceptor_resume(struct acceptor *a);
/* No more connections; idempotent. */
void acceptor_close(struct acceptor *a);

#endif
