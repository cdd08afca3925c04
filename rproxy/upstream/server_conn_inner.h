/*
 * What server_conn.c and server_connect.c know of each other; for these two
 * alone.
 */
#ifndef RPROXY_UPSTREAM_SERVER_CONN_INNER_H
#define RPROXY_UPSTREAM_SERVER_CONN_INNER_H

#include "rproxy/upstream/pool.h"

/* server_conn.c */

void server_conn_count(const struct server_conn *s, unsigned metric, int n);
void server_conn_on_ready(struct watch *w, unsigned events);
void server_conn_on_expire(struct deadline *d);
/* Closes the stream alone; server_connect_wait() follows. */
void server_conn_lose(struct server_conn *s);
static inline struct reach *
server_conn_reach(const struct server_conn *s)
{
	return &upstream_egress(s->server->home)->reach;
}

/* server_connect.c: of a connection that does not stand yet */

void server_connect_step(struct server_conn *s);
void server_connect_expire(struct server_conn *s);
/* For tlsd to listen again. */
void server_connect_wait(struct server_conn *s);

#endif
