#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/fd_pass.h"

static int pair[2];

static int
with_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int
without_pair(void **state)
{
	(void)state;
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static unsigned
count_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			n++;
	return n;
}

static void
carries_descriptors_beside_the_message(void **state)
{
	char text[16], byte = 0;
	int pipe_ends[2], fd = -1;
	unsigned n_fds;

	(void)state;
	assert_int_equal(pipe(pipe_ends), 0);
	assert_true(fd_pass_send(pair[0], SLICE("hello"), &pipe_ends[1], 1));
	close(pipe_ends[1]);
	assert_int_equal(
	    fd_pass_receive(pair[1], text, sizeof(text), &fd, 1, &n_fds, false),
	    5);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(n_fds, 1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(fd);
	close(pipe_ends[0]);
}

static void
carries_what_the_kernel_takes_and_closes_what_is_too_many(void **state)
{
	int fds[FD_PASS_MAX], got[3];
	unsigned before, n_fds;
	char text[4];

	(void)state;
	for (unsigned i = 0; i < FD_PASS_MAX; i++)
		fds[i] = pair[0];
	before = count_descriptors();
	assert_true(fd_pass_send(pair[0], SLICE("x"), fds, FD_PASS_MAX));
	assert_int_equal(
	    fd_pass_receive(pair[1], text, sizeof(text), got, 3, &n_fds, false),
	    1);
	assert_int_equal(n_fds, 3);
	assert_int_equal(count_descriptors(), before + 3);
	for (unsigned i = 0; i < 3; i++)
		close(got[i]);
}

static void
tells_nothing_there_from_the_end(void **state)
{
	char text[4];
	unsigned n_fds;

	(void)state;
	assert_int_equal(fd_pass_receive(pair[1], text, sizeof(text), NULL, 0,
			     &n_fds, false),
	    -1);
	assert_int_equal(errno, EAGAIN);
	close(pair[0]);
	assert_int_equal(
	    fd_pass_receive(pair[1], text, sizeof(text), NULL, 0, &n_fds, true),
	    0);
	assert_false(fd_pass_send(pair[1], SLICE("x"), NULL, 0));
	assert_int_equal(errno, EPIPE);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, with_pair, without_pair)
	const struct CMUnitTest tests[] = {
		T(carries_descriptors_beside_the_message),
		T(carries_what_the_kernel_takes_and_closes_what_is_too_many),
		T(tells_nothing_there_from_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
