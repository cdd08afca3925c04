/*
 * The name of one connection.  Pure; used by the worker.
 *
 * Each part is cut to what is left for it of 31 characters: 11 + 4 + 3 + 10
 * hexadecimal digits and three dashes.  They start over after 500 years,
 * 65536 reloads, 4096 workers and 10^12 connections.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/check.h"
#include "tlsd/worker/unique_id.h"

struct slice
unique_id_format(const struct unique_id *id, char *out)
{
	int n = snprintf(out, UNIQUE_ID_MAX, "%" PRIx64 "-%x-%x-%" PRIx64,
	    id->started_ms & 0xfffffffffff, id->generation & 0xffff,
	    id->worker & 0xfff, id->count & 0xffffffffff);

	CHECK(n > 0 && n < UNIQUE_ID_MAX);
	return (struct slice){ out, (size_t)n };
}
