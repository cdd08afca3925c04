/*
 * An rproxy worker: one per CPU, HTTP on both sides, no TLS.
 */
#ifndef RPROXY_WORKER_H
#define RPROXY_WORKER_H

#include "common/child.h"

/* Returns the exit status when the worker has nothing left to do. */
int rproxy_worker_main(const struct inheritance *in);

#endif
