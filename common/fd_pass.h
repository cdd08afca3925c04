/*
 * Messages with descriptors over a SOCK_SEQPACKET socket (SCM_RIGHTS,
 * unix(7)).
 */
#ifndef COMMON_FD_PASS_H
#define COMMON_FD_PASS_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/slice.h"

#define FD_PASS_MAX 253 /* the kernel's limit for one message */

/* One message; never waits.  The descriptors stay the caller's.  False and
 * errno. */
bool
fd_pass_send(int sock, struct slice message, const int *fds, unsigned n_fds);
/*
 * One message: its length, 0 at the end, -1 and errno.  wait: block for it
 * even if the socket would not.  The descriptors (close-on-exec) are the
 * caller's; those beyond max_fds are closed.
 */
ssize_t fd_pass_receive(int sock, char *out, size_t room_bytes, int *fds,
    unsigned max_fds, unsigned *n_fds, bool wait);

#endif
