/*
 * Edit distance with swaps of neighbours counted as one (optimal string
 * alignment): most mistyped keys are one or two steps away from what was
 * meant.  Pure.
 */
#include "common/suggest.h"

#include <string.h>

#define MAX_WORD 63 /* longer words are nobody's near miss */
#define NEAR_ENOUGH 2

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

size_t
suggest_distance(const char *a, const char *b)
{
	size_t n = strlen(a);
	size_t m = strlen(b);
	size_t rows[3][MAX_WORD + 1];
	size_t *before = rows[0]; /* row i - 2 */
	size_t *last = rows[1];   /* row i - 1 */
	size_t *row = rows[2];

	if (n > MAX_WORD || m > MAX_WORD)
		return n > m ? n : m;
	for (size_t j = 0; j <= m; j++)
		last[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *oldest = before;

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t differ = a[i - 1] != b[j - 1];

			row[j] = least(
			    last[j] + 1, row[j - 1] + 1, last[j - 1] + differ);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = last;
		last = row;
		row = oldest;
	}
	return last[m];
}

void
suggest_offer(struct suggest *s, const char *candidate)
{
	size_t distance = suggest_distance(s->wanted, candidate);

	/* "to" must not be offered for every word of two letters */
	if (distance > NEAR_ENOUGH || distance >= strlen(candidate) ||
	    distance >= strlen(s->wanted))
		return;
	if (s->best != NULL && distance >= s->best_distance)
		return;
	s->best = candidate;
	s->best_distance = distance;
}
