/*
 * Connecting a stream socket without waiting for it: to a server by TCP, or to
 * the other daemon by its Unix socket.
 */
#ifndef COMMON_CONNECT_H
#define COMMON_CONNECT_H

#include "common/addr.h"

/*
 * A non-blocking, close-on-exec socket that is connected to a or on its way
 * there; TCP sends at once what it is given (TCP_NODELAY).  -1 and errno.
 */
int connect_begin(const struct addr *a);
/* What became of it, once fd is writable: errno, or 0 when it is connected. */
int connect_error(int fd);

#endif
