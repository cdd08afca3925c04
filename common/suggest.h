/*
 * "Did you mean ...?": the nearest of several words.  Pure.
 */
#ifndef COMMON_SUGGEST_H
#define COMMON_SUGGEST_H

#include <stddef.h>

/* Letters to change, add, leave out or swap with their neighbour. */
size_t suggest_distance(const char *a, const char *b);

/* Starts as { .wanted = WORD }. */
struct suggest {
	const char *wanted;
	const char *best; /* NULL: nothing is near enough */
	size_t best_distance;
};

/* Keeps candidate (borrowed) when it is near and nearer than the best. */
void suggest_offer(struct suggest *s, const char *candidate);

#endif
