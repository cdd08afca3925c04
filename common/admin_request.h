/*
 * The request line of the admin socket's HTTP server, which knows GET and
 * "POST /takeover" (common/takeover.h).  Pure.
 */
#ifndef COMMON_ADMIN_REQUEST_H
#define COMMON_ADMIN_REQUEST_H

#include "common/slice.h"

enum admin_verdict {
	ADMIN_MORE,      /* the head has not ended */
	ADMIN_DONE,      /* *path is set */
	ADMIN_BAD,       /* not HTTP/1: 400 */
	ADMIN_TAKEOVER,  /* POST /takeover */
	ADMIN_NOT_A_GET, /* 405 */
};

/* path (without a query) points into in. */
enum admin_verdict admin_request_parse(struct slice in, struct slice *path);

#endif
