/*
 * Streams over pairs of sockets, for tests.
 */
#ifndef TESTS_UNIT_STREAM_END_H
#define TESTS_UNIT_STREAM_END_H

#include <sys/socket.h>

#include "common/stream.h"

/* The tests look themselves. */
static inline void
stream_end_ignore(struct watch *w, unsigned events)
{
	(void)w;
	(void)events;
}

/* One end of a pair as a stream; returns the other. */
static inline int
stream_end_open(struct stream *s, struct stream_home *h)
{
	int fd[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_true(stream_open(s, h, fd[0], stream_end_ignore));
	return fd[1];
}

#endif
