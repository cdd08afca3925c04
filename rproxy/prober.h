/*
 * The health prober: one process for all workers.
 */
#ifndef RPROXY_PROBER_H
#define RPROXY_PROBER_H

#include "common/child.h"

/* Returns the exit status when the master has told it to leave. */
int rproxy_prober_main(const struct inheritance *in);

#endif
