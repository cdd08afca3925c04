/*
 * Whose turn it is: smooth weighted round robin.  Pure.  With weights 5, 1, 1
 * the order is a a b a c a a, not a a a a a b c.
 */
#ifndef RPROXY_UPSTREAM_BALANCE_H
#define RPROXY_UPSTREAM_BALANCE_H

#include <stdbool.h>
#include <stddef.h>

struct balance_item {
	unsigned weight; /* 1.. */
	long current;
	bool usable; /* set by the caller before each pick */
};

/* Index of the next usable item, -1 when there is none. */
int balance_pick(struct balance_item *v, size_t n);

#endif
