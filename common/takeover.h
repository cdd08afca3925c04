/*
 * How a new master gets the listening sockets of the running one: over its
 * admin socket, which must be a Unix socket for that.
 *
 *	new master			old master
 *	POST /takeover HTTP/1.1 ->
 *			       <-	"takeover 1 lms\n" and descriptors,
 *					or an HTTP error
 *	(its first generation is ready)
 *	"done\n" ->			drains and leaves
 *	the end ->			goes on as if nothing had been
 *
 * Each letter is a descriptor: l a socket of the master's own, m one of the
 * service manager's, s the state page.  Only root and the master's own user
 * are heard: the kernel says who connects.
 */
#ifndef COMMON_TAKEOVER_H
#define COMMON_TAKEOVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/child.h"
#include "common/deadline.h"
#include "common/slice.h"

#define TAKEOVER_REQUEST "POST /takeover HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define TAKEOVER_MAX_FDS (2 * CHILD_MAX_LISTEN + 2)

enum takeover_kind {
	TAKEOVER_LISTENER,
	TAKEOVER_MANAGERS, /* belongs to the service manager: never closed */
	TAKEOVER_STATE,
};

struct takeover_fds {
	unsigned n;
	int fd[TAKEOVER_MAX_FDS];
	enum takeover_kind kind[TAKEOVER_MAX_FDS];
};

void takeover_add(struct takeover_fds *t, int fd, enum takeover_kind kind);

/* The message as bytes; pure.  The length, at most TAKEOVER_MESSAGE_MAX. */
#define TAKEOVER_MESSAGE_MAX (TAKEOVER_MAX_FDS + 32)
size_t
takeover_encode(const struct takeover_fds *t, char out[TAKEOVER_MESSAGE_MAX]);
/* Fills t->n and t->kind, not t->fd.  False: it is not that message. */
bool takeover_decode(struct slice message, struct takeover_fds *t);

/* Whether the peer of a Unix socket may ask: root, or who we are. */
bool takeover_may_ask(int sock);

/*
 * New master, before its loop: asks the one at path, waits for at most 10 s.
 * The descriptors in t are the caller's.  Returns the connection, for "done",
 * or -1 and *error, valid until the next call.
 */
int takeover_ask(const char *path, struct takeover_fds *t, const char **error);
/* New master: it serves.  Closes the connection. */
void takeover_finish(int sock);

/*
 * Old master: sends what t holds on sock (taken over, closed on failure), and
 * hears how it ends.  on_end runs once, never before this returns; is_done:
 * the other one serves.  NULL: *error.
 */
struct takeover_giver;
struct takeover_giver *
takeover_give(uv_loop_t *loop, int sock, const struct takeover_fds *t,
    void (*on_end)(bool is_done, void *ctx), void *ctx, const char **error);
/* Frees it when the loop has turned; on_end will not run.  Takes NULL. */
void takeover_giver_close(struct takeover_giver *g);

#endif
