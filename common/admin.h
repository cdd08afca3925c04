/*
 * The admin socket: a very small HTTP server for the operator and for
 * monitoring, on a Unix path (mode 0600) or a loopback address.  Runs on the
 * master's event loop.  GET only; one answer, then the connection ends.  The
 * size of a request, the number of connections and their time are limited.
 */
#ifndef COMMON_ADMIN_H
#define COMMON_ADMIN_H

#include <stdbool.h>
#include <uv.h>

#include "common/deadline.h"
#include "common/slice.h"

struct admin;

struct admin_answer {
	unsigned status; /* 200, 404, 503 */
	const char *type;
	char *body; /* given to the server: mem_free(); NULL: memory was short,
		     * which the server logs and answers with 503 */
};

/* Who answers; ctx is borrowed and outlives the socket. */
struct admin_user {
	/* For each request, for a path such as "/metrics": fills *out. */
	void (*answer)(struct slice path, struct admin_answer *out, void *ctx);
	/*
	 * A process that may, wants to take over; it is at the other end of
	 * sock, a duplicate that is taken over unless the return value is a
	 * status (409, 503) for a refusal.
	 */
	unsigned (*take_over)(int sock, void *ctx);
	void *ctx;
};

/*
 * where: as in the configuration.  NULL: *error is a text valid until the
 * next call.
 */
struct admin *admin_open(uv_loop_t *loop, struct deadlines *wheel,
    const char *where, const struct admin_user *user, const char **error);
/* True for the same where; NULL is nowhere. */
bool admin_is_at(const struct admin *a, const char *where);
/* The listening socket; stays the server's. */
int admin_fd(const struct admin *a);
/* Somebody else has the listening socket, too: its file stays. */
void admin_leave_file(struct admin *a);
/* Closes the socket and every connection; frees a when the loop has turned.
 * Takes NULL. */
void admin_close(struct admin *a);

#endif
