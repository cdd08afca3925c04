/*
 * One connection to an https server, and rproxy's to us that asked for it.
 * Runs in the worker; listed by its struct egress.
 */
#ifndef TLSD_WORKER_EGRESS_CONN_H
#define TLSD_WORKER_EGRESS_CONN_H

#include <stdbool.h>

struct egress;
struct egress_conn;

/*
 * Takes over fd, rproxy's (non-blocking).  The connection lives on its own from
 * here and frees itself.  False: no memory, fd is still the caller's.
 */
bool egress_conn_start(struct egress *e, int fd);
/* All of them end, without ceremony; each frees itself later, from the loop. */
void egress_conn_end_all(struct egress *e);

#endif
