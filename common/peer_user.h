/*
 * Who is at the other end of a Unix socket, by the word of the kernel.
 */
#ifndef COMMON_PEER_USER_H
#define COMMON_PEER_USER_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

/*
 * Whether fd, accepted on a Unix listener, was connected by a process of the
 * wanted user, of our own or of root.  *peer is for the log.
 */
bool peer_user_is(int fd, uid_t wanted, struct ucred *peer);

#endif
