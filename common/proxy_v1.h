/*
 * PROXY protocol version 1: one line of text that says who the client of a
 * balancer is.  Pure.  Source: haproxy's proxy-protocol.txt section 2.1.
 */
#ifndef COMMON_PROXY_V1_H
#define COMMON_PROXY_V1_H

#include <stdbool.h>
#include <stddef.h>

#include "common/addr.h"
#include "common/slice.h"

#define PROXY_V1_MAX 107 /* bytes, with its CRLF */

struct proxy_v1 {
	bool is_known; /* false: "UNKNOWN", the addresses are empty */
	struct addr src;
	struct addr dst;
};

enum proxy_v1_verdict {
	PROXY_V1_DONE,
	PROXY_V1_MORE,
	PROXY_V1_BAD,
};

/*
 * Bytes in, struct out.  On DONE *used_bytes is the line's length.  On BAD
 * *reason is a constant text.
 */
enum proxy_v1_verdict proxy_v1_decode(struct slice in, struct proxy_v1 *out,
    size_t *used_bytes, const char **reason);

#endif
