/*
 * One TLS client.  Runs in the worker, which lists all of them.
 */
#ifndef TLSD_WORKER_CLIENT_CONN_H
#define TLSD_WORKER_CLIENT_CONN_H

#include <stdbool.h>

#include "common/addr.h"
#include "common/slice.h"

struct client_conn;
struct listen_conf;
struct worker;

/*
 * Takes over fd (non-blocking) of a client at peer (copied) that came by
 * listen (borrowed from the configuration).  The connection lives on its
 * own from here and frees itself; when there is no memory for it, fd is
 * closed and the refusal counted and logged.
 */
void client_conn_start(struct worker *w, int fd, const struct addr *peer,
    const struct listen_conf *listen);

/*
 * The worker leaves: those who have nothing under way get less time for it.
 * at_once: all connections end, without ceremony.
 */
void client_conn_end_all(struct worker *w, bool at_once);

#endif
