/*
 * For the fuzz targets of what is told in a PROXY v2 header.
 */
#ifndef TESTS_FUZZ_PREFIXES_H
#define TESTS_FUZZ_PREFIXES_H

#include <string.h>

#include "common/mem.h"
#include "common/proxy_v2.h"

/*
 * The verdict on the shortest prefix of in, in itself included, that decides:
 * what has come of a header says nothing that the whole does not.
 */
static inline enum proxy_v2_verdict
prefixes_verdict(
    struct slice in, enum proxy_v2_verdict (*decode)(struct slice in))
{
	enum proxy_v2_verdict v = PROXY_V2_MORE;

	for (size_t n = 0; n <= in.len && v == PROXY_V2_MORE; n++) {
		/* a copy of that size, or reading too far goes unseen */
		char *copy = mem_need(n);

		if (n > 0)
			memcpy(copy, in.p, n);
		v = decode((struct slice){ copy, n });
		mem_free(copy);
	}
	return v;
}

#endif
