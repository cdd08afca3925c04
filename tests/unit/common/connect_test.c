#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/connect.h"
#include "tests/unit/loopback.h"

static struct addr
addr_of_in(const struct sockaddr_in *in)
{
	return addr_from_ip4(&in->sin_addr, &in->sin_port);
}

static int
outcome_of(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	assert_int_equal(1, poll(&p, 1, 5000));
	return connect_error(fd);
}

static void
connects_by_tcp_that_does_not_wait_for_more_bytes(void **state)
{
	struct sockaddr_in in;
	int listener = listen_on_loopback(&in);
	struct addr a = addr_of_in(&in);
	int fd = connect_begin(&a);
	int on = 0;
	socklen_t len = sizeof(on);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(0, outcome_of(fd));
	assert_int_equal(
	    0, getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len));
	assert_true(on);
	assert_int_equal(-1, recv(fd, &on, 1, 0));
	assert_int_equal(EAGAIN, errno);
	close(fd);
	close(listener);
}

static void
says_why_there_is_no_connection(void **state)
{
	struct sockaddr_in in;
	int listener = listen_on_loopback(&in);
	struct addr a = addr_of_in(&in);
	int fd;

	(void)state;
	close(listener);
	fd = connect_begin(&a);
	assert_true(fd >= 0);
	assert_int_equal(ECONNREFUSED, outcome_of(fd));
	close(fd);
}

static void
says_at_once_that_a_path_is_not_there(void **state)
{
	struct addr a;
	int free_fd = dup(STDERR_FILENO);

	(void)state;
	close(free_fd);
	assert_true(addr_parse(slice_of("/nonexistent/socket"), &a));
	assert_int_equal(-1, connect_begin(&a));
	assert_int_equal(ENOENT, errno);
	/* and has left no descriptor open */
	assert_int_equal(free_fd, dup(STDERR_FILENO));
	close(free_fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    connects_by_tcp_that_does_not_wait_for_more_bytes),
		cmocka_unit_test(says_why_there_is_no_connection),
		cmocka_unit_test(says_at_once_that_a_path_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
