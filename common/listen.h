/*
 * Listening sockets: made, or taken from systemd (LISTEN_FDS).  Runs in the
 * master, before any child.
 */
#ifndef COMMON_LISTEN_H
#define COMMON_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/addr.h"

#define LISTEN_BACKLOG 4096

/*
 * A non-blocking, close-on-exec listening socket on a.  An inherited socket
 * with that address is taken first.  A Unix path: a socket file that nobody
 * listens on is replaced, one in use is an error; it gets mode 0600 and the
 * owner (uid, gid) when that is not (uid_t)-1.  -1: *error is a text valid
 * until the next call.
 */
int
listen_open(const struct addr *a, uid_t owner, gid_t group, const char **error);

/* Gives an existing socket file another owner; 0, or -1 and errno. */
int listen_chown(const struct addr *a, uid_t owner, gid_t group);

/*
 * Reads LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES once and removes them from
 * the environment; returns how many sockets were inherited.
 */
unsigned listen_inherit(void);
/* An inherited socket belongs to the service manager: never closed. */
bool listen_is_inherited(int fd);
/* The i-th of them; -1: there are no more. */
int listen_inherited(unsigned i);
/* Where it listens; NULL: there are no more. */
const struct addr *listen_inherited_addr(unsigned i);
/* The descriptor that the manager has kept under this name; -1: none.  The
 * caller's from then on. */
int listen_take_kept(const char *name);

/*
 * A listening socket from the master before us, which still has it:
 * listen_open() finds it by its address.  is_managers: it is like an inherited
 * one, for good.  False: it is no listening socket.
 */
bool listen_adopt(int fd, bool is_managers);
/* Until the former master leaves, the socket's file is that one's. */
bool listen_is_adopted(int fd);
/* It leaves: what was opened is ours; what nobody wanted is closed and its
 * file removed. */
void listen_end_adoption(void);

#endif
