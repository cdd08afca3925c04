/*
 * What a worker says of clients that it has no room for: a shortage comes and
 * goes, and must not fill the log.
 */
#ifndef RPROXY_FRONT_SHORTAGE_H
#define RPROXY_FRONT_SHORTAGE_H

#include "rproxy/front/client_conn.h"

/* True at most once in ten seconds for each *last_ms, 0 to begin with. */
bool shortage_may_log(const struct front *f, uint64_t *last_ms);
/* A client is closed, since there is no memory for it. */
void shortage_note_memory(struct front *f);

#endif
