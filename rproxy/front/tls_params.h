/*
 * What tlsd says in the same words of many clients: version, cipher, group,
 * algorithms, listener.  One counted copy serves all connections that were
 * announced with it, since thousands of idle ones hold one.  Pure.
 */
#ifndef RPROXY_FRONT_TLS_PARAMS_H
#define RPROXY_FRONT_TLS_PARAMS_H

#include <sys/queue.h>

#include "common/proxy_v2.h"

struct tls_params;

/* One per worker, zeroed to begin with; empty when all have been put back. */
LIST_HEAD(tls_params_list, tls_params);

/* A copy of pp's, or the one that is there; NULL: memory is short. */
struct tls_params *
tls_params_get(struct tls_params_list *all, const struct proxy_v2 *pp);
/* The last one to put it back frees it; NULL is none. */
void tls_params_put(struct tls_params *p);

/* Slices in out point into p; what p does not hold is left alone. */
void tls_params_tell(const struct tls_params *p, struct proxy_v2 *out);
uint32_t tls_params_generation(const struct tls_params *p);

#endif
