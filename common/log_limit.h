/*
 * Keeps what strangers can provoke from filling the log: so many lines in a
 * second, then the number of those that were left out.
 */
#ifndef COMMON_LOG_LIMIT_H
#define COMMON_LOG_LIMIT_H

#include <stdbool.h>

#include "common/deadline.h"

struct log_limit {
	struct deadline second;
	const char *what; /* "failed handshakes", constant */
	unsigned at_most; /* in a second */
	unsigned n_logged;
	unsigned n_suppressed;
};

void log_limit_init(struct log_limit *l, struct deadlines *wheel,
    const char *what, unsigned at_most);
/* Says how many were left out before it goes. */
void log_limit_fini(struct log_limit *l);
/* Whether the line may be written; counts it in either case. */
bool log_limit_allows(struct log_limit *l);

#endif
