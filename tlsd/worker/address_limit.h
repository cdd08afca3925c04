/*
 * How many connections each address has, and whether it may have one more.
 * Pure: the one table of a worker.
 */
#ifndef TLSD_WORKER_ADDRESS_LIMIT_H
#define TLSD_WORKER_ADDRESS_LIMIT_H

#include <stdbool.h>

#include "common/addr.h"

struct address_limit;

/* at_most 0: no limit, and nothing is counted. */
struct address_limit *address_limit_new(unsigned at_most);
void address_limit_free(struct address_limit *l); /* takes NULL */
/*
 * False: the address has as many as it may (or memory is short).  After true
 * the connection must give back what it took, with the same address.
 */
bool address_limit_take(struct address_limit *l, const struct addr *a);
void address_limit_give(struct address_limit *l, const struct addr *a);

#endif
