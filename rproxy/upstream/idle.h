/*
 * Idle connections of a server: which of them a request may use.
 */
#ifndef RPROXY_UPSTREAM_IDLE_H
#define RPROXY_UPSTREAM_IDLE_H

#include "rproxy/upstream/pool.h"

/*
 * Where one is kept: those for anybody (client 0) in one list, those of
 * clients by the client's number, so that thousands do not mean a search.
 */
static inline struct server_conns *
idle_list(struct server *s, uint64_t client)
{
	return &s->idle[client % s->n_idle_lists];
}

/*
 * One that client (its number, see pool_tries) may use, taken off the list
 * and BUSY; NULL: there is none that is good enough.
 */
struct server_conn *idle_take(struct server *s, enum reuse_need need,
    uint64_t client, const struct server_user *user, void *exchange);
/* Whether this client has one here that is its own. */
bool idle_has_own(struct server *s, uint64_t client);
/* The client has gone: those that are its own are closed. */
void idle_forget(struct server *s, uint64_t client);
/* All are closed. */
void idle_drop_all(struct server *s);

#endif
