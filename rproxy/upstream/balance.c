/*
 * Weighted round robin.  Runs in the worker; owned by the pool.
 *
 * Each usable item gains its weight, the richest is taken and pays the sum.
 * An item that is not usable neither gains nor pays: when it comes back it is
 * owed nothing, so a server just restarted is not flooded.
 */
#include "rproxy/upstream/balance.h"

int
balance_pick(struct balance_item *v, size_t n)
{
	struct balance_item *best = NULL;
	long sum = 0;

	for (size_t i = 0; i < n; i++) {
		if (!v[i].usable)
			continue;
		v[i].current += (long)v[i].weight;
		sum += (long)v[i].weight;
		if (best == NULL || v[i].current > best->current)
			best = &v[i];
	}
	if (best == NULL)
		return -1;
	best->current -= sum;
	return (int)(best - v);
}
