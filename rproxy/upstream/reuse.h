/*
 * How long, and for what, a server connection may be used again.  Pure.  The
 * server may close an idle connection at any time (RFC 9112 section 9.5):
 * that cannot be prevented, only made rare and harmless.
 */
#ifndef RPROXY_UPSTREAM_REUSE_H
#define RPROXY_UPSTREAM_REUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"
#include "rproxy/http/message.h"

/*
 * A server that counts, as Tomcat does to 100, says "close" with its last
 * response; the others may want to be left now and then.
 */
#define REUSE_MAX_REQUESTS 1000
#define REUSE_YOUNG_MS 1000  /* for what must not be sent twice */
#define REUSE_SAFETY_MS 2000 /* we leave this much before the server */

struct reuse_limits {
	uint64_t idle_ms;
	unsigned n_requests; /* that may still follow */
};

/*
 * Narrows l by a response's Keep-Alive value ("timeout=15, max=100"); what
 * is not understood changes nothing.  A timeout of 2 s or less allows none.
 */
void reuse_narrow(struct reuse_limits *l, struct slice keep_alive);

enum reuse_need {
	REUSE_ANY,   /* may be sent again: any idle connection */
	REUSE_YOUNG, /* must not be sent twice: one used just now */
	REUSE_NONE,  /* a fresh connection */
};

/* has_body: its bytes are not kept, so they cannot be sent again. */
enum reuse_need reuse_need_of(enum method m, bool has_body);

#endif
