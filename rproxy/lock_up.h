/*
 * The last step of a child's start, for worker and prober.
 */
#ifndef RPROXY_LOCK_UP_H
#define RPROXY_LOCK_UP_H

#include <stdbool.h>
#include <stddef.h>

#include "rproxy/config.h"

/*
 * Becomes the configured user and closes the sandbox: these system calls, TCP
 * to the ports of the http servers and, with has_names, what the resolver
 * needs.  Does not return when that fails.
 */
void lock_up(const struct rproxy_config *c, const char *const *calls,
    size_t n_calls, bool has_names);

#endif
