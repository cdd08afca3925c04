/*
 * The name of one connection, which joins the logs of both daemons: unique
 * across workers, generations and restarts.  Pure.
 */
#ifndef TLSD_WORKER_UNIQUE_ID_H
#define TLSD_WORKER_UNIQUE_ID_H

#include <stdint.h>

#include "common/slice.h"

#define UNIQUE_ID_MAX 32 /* bytes, the terminator included */

struct unique_id {
	uint64_t started_ms; /* of the worker, since the epoch */
	unsigned generation;
	unsigned worker;
	uint64_t count; /* within the worker */
};

/* "1abc234def5-1-0-2a"; the slice points into out. */
struct slice unique_id_format(const struct unique_id *id, char *out);

#endif
