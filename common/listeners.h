/*
 * The listening sockets that a master holds, by address: a reload keeps the
 * socket of an address that stays, so that no connection in its queue is
 * lost.
 */
#ifndef COMMON_LISTENERS_H
#define COMMON_LISTENERS_H

#include <stdbool.h>

#include "common/child.h"
#include "common/plan.h"

struct listeners;

struct listeners *listeners_new(void);
/*
 * Descriptors for the addresses of the plan, in its order, opened where they
 * are not open already; they stay the set's.  False: *error is a text valid
 * until the next call, and what was opened so far stays until
 * listeners_keep().
 */
bool listeners_take(struct listeners *l, const struct plan *p,
    int fds[CHILD_MAX_LISTEN], const char **error);
/*
 * The plan is the one that holds: closes every socket that it does not name,
 * all of them for NULL, and removes the socket files that we made; the others
 * are given to the users it names.
 */
void listeners_keep(struct listeners *l, const struct plan *p);
/* Says which of the service manager's sockets are nobody's; admin_fd: -1, or
 * that of the admin socket. */
void listeners_warn_unused(const struct plan *p, int admin_fd);
/* The sockets that are not the service manager's; at most so many. */
unsigned listeners_list(const struct listeners *l, int fds[CHILD_MAX_LISTEN]);
/* Another master has them, too: the socket files stay when we close. */
void listeners_leave_files(struct listeners *l);
void listeners_free(struct listeners *l);

#endif
