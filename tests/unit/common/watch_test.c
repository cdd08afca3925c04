/*
 * What is reported of sockets that are watched, and how often.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/common/watch_fixture.h"
#include "tests/unit/loopback.h"

static void
tcp_pair(int fd[2])
{
	struct sockaddr_in in;
	int l = listen_on_loopback(&in);

	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd[0], (struct sockaddr *)&in, sizeof(in)), 0);
	fd[1] = accept(l, NULL, NULL);
	assert_true(fd[1] >= 0);
	close(l);
}

static void
reset(int fd)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void
reports_what_is_wanted_and_nothing_else(void **state)
{
	struct owner o;
	int peer;

	(void)state;
	peer = open_pair(&o);
	assert_int_not_equal(fcntl(o.watch.fd, F_GETFL) & O_NONBLOCK, 0);
	run_for(5);
	assert_int_equal(o.reports, 0);

	watch_want(&o.watch, WATCH_WRITE);
	assert_int_equal(o.reports, 0);
	run_for(5);
	assert_int_equal(o.reports, 1);
	assert_int_equal(o.last, WATCH_WRITE);

	assert_int_equal(write(peer, "x", 1), 1);
	run_for(5);
	assert_int_equal(o.reports, 1);
	watch_want(&o.watch, WATCH_READ);
	run_for(5);
	assert_int_equal(o.reports, 2);
	assert_int_equal(o.last, WATCH_READ);
	close_owner(&o);
	close(peer);
}

static void
interest_that_comes_and_goes_is_left_in_the_kernel(void **state)
{
	struct owner o;
	int peer;

	(void)state;
	peer = open_pair(&o);
	watch_want(&o.watch, WATCH_READ);
	for (int i = 0; i < 3; i++) {
		watch_want(&o.watch, 0);
		run_for(1);
		assert_int_equal(o.watch.armed, WATCH_READ);
		watch_want(&o.watch, WATCH_READ);
	}
	assert_int_equal(write(peer, "x", 1), 1);
	run_for(5);
	assert_int_equal(o.reports, 1);
	close_owner(&o);
	close(peer);
}

static void
an_event_that_nobody_wants_comes_once_and_is_kept(void **state)
{
	struct owner o;
	int peer;

	(void)state;
	peer = open_pair(&o);
	watch_want(&o.watch, WATCH_READ);
	watch_want(&o.watch, 0);
	assert_int_equal(write(peer, "x", 1), 1);
	assert_true(run_for(30) < 10);
	assert_int_equal(o.reports, 0);
	assert_int_equal(o.watch.armed, 0);
	watch_want(&o.watch, WATCH_READ);
	run_for(5);
	assert_int_equal(o.reports, 1);
	assert_int_equal(o.last, WATCH_READ);
	close_owner(&o);
	close(peer);
}

static void
one_unwanted_event_does_not_hide_the_other(void **state)
{
	struct owner o;
	int peer;

	(void)state;
	peer = open_pair(&o);
	o.leave_wants = true;
	o.read_it = true;
	watch_want(&o.watch, WATCH_READ | WATCH_WRITE);
	watch_want(&o.watch, WATCH_READ);
	assert_true(run_for(30) < 10);
	assert_int_equal(o.reports, 0);
	assert_int_equal(o.watch.armed, WATCH_READ);
	assert_int_equal(write(peer, "x", 1), 1);
	run_for(5);
	assert_int_equal(o.reports, 1);
	assert_int_equal(o.last, WATCH_READ);
	close_owner(&o);
	close(peer);
}

static void
a_hang_up_does_not_spin_while_nothing_is_wanted(void **state)
{
	struct owner o;
	int peer;

	(void)state;
	peer = open_pair(&o);
	watch_want(&o.watch, WATCH_READ);
	watch_want(&o.watch, 0);
	close(peer);
	assert_true(run_for(30) < 10);
	assert_int_equal(o.reports, 0);
	watch_want(&o.watch, WATCH_READ);
	run_for(5);
	assert_int_equal(o.reports, 1);
	close_owner(&o);
}

static void
a_hang_up_is_seen_by_one_who_wants_to_write(void **state)
{
	struct owner o;
	int peer;
	char full[4096] = { 0 };

	(void)state;
	peer = open_pair(&o);
	while (write(o.watch.fd, full, sizeof(full)) > 0)
		;
	watch_want(&o.watch, WATCH_WRITE);
	run_for(5);
	assert_int_equal(o.reports, 0);
	close(peer);
	run_for(5);
	assert_int_equal(o.reports, 1);
	assert_true((o.last & WATCH_WRITE) != 0);
	close_owner(&o);
}

static void
a_reset_is_reported_as_both_whatever_is_wanted(void **state)
{
	static const unsigned wants[] = { 0, WATCH_READ, WATCH_WRITE,
		WATCH_READ | WATCH_WRITE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
		struct owner o;
		int fd[2];
		char full[4096] = { 0 };

		tcp_pair(fd);
		open_owner(&o, fd[0]);
		while (write(fd[0], full, sizeof(full)) > 0)
			;
		watch_want(&o.watch, WATCH_READ);
		watch_want(&o.watch, wants[i]);
		reset(fd[1]);
		run_for(5);
		assert_int_equal(o.reports, 1);
		assert_int_equal(o.last, WATCH_READ | WATCH_WRITE);
		assert_int_equal(read(fd[0], full, 1), -1);
		assert_int_equal(errno, ECONNRESET);
		close_owner(&o);
	}
}

static void
an_error_waits_for_one_who_wants_later(void **state)
{
	struct owner o;
	int fd[2];

	(void)state;
	tcp_pair(fd);
	open_owner(&o, fd[0]);
	reset(fd[1]);
	run_for(5);
	assert_int_equal(o.reports, 0);
	watch_want(&o.watch, WATCH_READ);
	run_for(5);
	assert_int_equal(o.reports, 1);
	close_owner(&o);
}

/* A pipe without a reader: the error cannot be read away. */
static void
a_lasting_error_is_repeated_but_does_not_spin(void **state)
{
	struct owner o;
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	open_owner(&o, fd[1]);
	o.to_want = WATCH_WRITE;
	watch_want(&o.watch, WATCH_WRITE);
	close(fd[0]);
	assert_true(run_for(350) < 30);
	assert_in_range(o.reports, 4, 8);
	/* asking again does not make it spin, either */
	o.reports = 0;
	for (int i = 0; i < 20; i++) {
		watch_want(&o.watch, 0);
		watch_want(&o.watch, WATCH_WRITE);
		run_for(1);
	}
	assert_true(o.reports < 10);
	close_owner(&o);
}

static void
an_error_that_passes_is_forgotten(void **state)
{
	struct owner o;
	int fd[2];

	(void)state;
	tcp_pair(fd);
	open_owner(&o, fd[0]);
	o.read_it = true; /* takes the error, then finds the end */
	o.to_want = WATCH_READ;
	watch_want(&o.watch, WATCH_READ);
	reset(fd[1]);
	while (o.reports < 3)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(o.last, WATCH_READ);
	assert_int_equal(o.watch.errors_in_a_row, 0);
	assert_null(o.watch.retry);
	close_owner(&o);
}

static void
may_be_closed_within_a_report(void **state)
{
	struct owner o;
	int peer;

	(void)state;
	peer = open_pair(&o);
	o.close_it = true;
	watch_want(&o.watch, WATCH_READ | WATCH_WRITE);
	run_for(5);
	assert_int_equal(o.reports, 1);
	assert_int_equal(o.closed, 1);
	watch_want(&o.watch, WATCH_READ); /* no effect */
	run_for(5);
	assert_int_equal(o.reports, 1);
	assert_int_equal(read(peer, &(char){ 0 }, 1), 0);
	close(peer);
}

static void
a_number_may_be_used_again_at_once(void **state)
{
	struct owner old, new;
	int fd[2];
	int again[2];

	(void)state;
	unix_pair(fd);
	open_owner(&old, fd[0]);
	watch_want(&old.watch, WATCH_READ | WATCH_WRITE);
	watch_close(&old.watch, on_closed);
	unix_pair(again);
	assert_int_equal(again[0], fd[0]);
	open_owner(&new, again[0]);
	watch_want(&new.watch, WATCH_WRITE);
	run_for(5);
	assert_int_equal(old.reports, 0);
	assert_int_equal(old.closed, 1);
	assert_int_equal(new.reports, 1);
	close_owner(&new);
	close(fd[1]);
	close(again[1]);
}

static void
what_cannot_be_watched_stays_with_the_caller(void **state)
{
	struct owner o;
	struct watch second;
	int peer;
	int file = open("/proc/self/exe", O_RDONLY);

	(void)state;
	assert_false(watch_open(&second, &loop, file, on_ready));
	assert_false(watch_is_open(&second));
	assert_int_equal(close(file), 0);

	peer = open_pair(&o);
	watch_want(&o.watch, WATCH_READ);
	run_for(1);
	assert_false(watch_open(&second, &loop, o.watch.fd, on_ready));
	close_owner(&o);
	close(peer);
}

static void
an_own_socket_that_is_closed_is_heard_of_no_more(void **state)
{
	struct owner o = { .to_want = WATCH_READ };
	int fd[2];

	(void)state;
	unix_pair(fd);
	assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
	assert_true(watch_open_own(&o.watch, &loop, fd[0], on_ready));
	watch_want(&o.watch, WATCH_READ);
	assert_int_equal(write(fd[1], "x", 1), 1);
	close_owner(&o);
	assert_int_equal(o.reports, 0);
	close(fd[1]);
}

static void
the_kind_of_end_is_known(void **state)
{
	struct owner o;
	int peer;

	(void)state;
	peer = open_pair(&o);
	o.to_want = WATCH_READ;
	o.read_it = true;
	watch_want(&o.watch, WATCH_READ);
	assert_int_equal(write(peer, "x", 1), 1);
	run_for(2);
	assert_int_equal(o.watch.end, WATCH_OPEN);
	o.to_want = 0;
	assert_int_equal(shutdown(peer, SHUT_WR), 0);
	run_for(2);
	assert_int_equal(o.watch.end, WATCH_HALF_CLOSED);
	watch_want(&o.watch, WATCH_READ);
	close(peer);
	run_for(2);
	assert_int_equal(o.watch.end, WATCH_HUNG_UP);
	close_owner(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WATCH_TEST(reports_what_is_wanted_and_nothing_else),
		WATCH_TEST(interest_that_comes_and_goes_is_left_in_the_kernel),
		WATCH_TEST(an_event_that_nobody_wants_comes_once_and_is_kept),
		WATCH_TEST(one_unwanted_event_does_not_hide_the_other),
		WATCH_TEST(a_hang_up_does_not_spin_while_nothing_is_wanted),
		WATCH_TEST(a_hang_up_is_seen_by_one_who_wants_to_write),
		WATCH_TEST(a_reset_is_reported_as_both_whatever_is_wanted),
		WATCH_TEST(an_error_waits_for_one_who_wants_later),
		WATCH_TEST(a_lasting_error_is_repeated_but_does_not_spin),
		WATCH_TEST(an_error_that_passes_is_forgotten),
		WATCH_TEST(may_be_closed_within_a_report),
		WATCH_TEST(a_number_may_be_used_again_at_once),
		WATCH_TEST(what_cannot_be_watched_stays_with_the_caller),
		WATCH_TEST(an_own_socket_that_is_closed_is_heard_of_no_more),
		WATCH_TEST(the_kind_of_end_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
