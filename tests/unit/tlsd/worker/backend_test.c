/*
 * backend.c on a real loop with a real Unix socket that comes and goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/log.h"
#include "common/proxy_v2.h"
#include "tlsd/metrics_table.h"
#include "tlsd/worker/backend.h"

struct client {
	struct reach_turn turn;
	int fd;
	unsigned place; /* the how manieth to be served */
};

struct fixture {
	uv_loop_t loop;
	struct deadlines *deadlines;
	struct metrics *metrics;
	struct backend backend;
	struct addr address;
	char path[64];
	int listener;
};

static unsigned n_served;

static void
on_connected(struct reach_turn *t, int fd)
{
	struct client *c = container_of(t, struct client, turn);

	c->fd = fd;
	c->place = ++n_served;
}

/* They live as long as their process; kept where a leak checker looks. */
static struct metrics *
new_metrics(void)
{
	static struct metrics *all[8];
	static size_t n;

	assert_true(n < ARRAY_LEN(all));
	all[n] = metrics_new(tlsd_metrics, tlsd_n_metrics);
	return all[n++];
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	n_served = 0;
	f->listener = -1;
	snprintf(f->path, sizeof(f->path), "/tmp/backend_test.%d", getpid());
	unlink(f->path);
	assert_true(addr_parse(slice_of(f->path), &f->address));
	log_init("test", LOG_TO_STREAM, STDERR_FILENO, LOG_LEVEL_ERROR);
	uv_loop_init(&f->loop);
	f->deadlines = deadlines_new(&f->loop);
	f->metrics = new_metrics();
	backend_init(&f->backend, &f->address, "/run/rproxy/tlsd.sock",
	    f->deadlines, f->metrics, 5000);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	backend_fini(&f->backend);
	deadlines_free(f->deadlines);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(0, uv_loop_close(&f->loop));
	if (f->listener >= 0)
		close(f->listener);
	unlink(f->path);
	free(f);
	return 0;
}

static void
rproxy_comes(struct fixture *f)
{
	unlink(f->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(
	    0, bind(f->listener, &f->address.u.sa, f->address.len));
	assert_int_equal(0, listen(f->listener, 100));
}

static void
rproxy_goes(struct fixture *f)
{
	close(f->listener);
	f->listener = -1;
}

static void
turn_the_loop(struct fixture *f, unsigned ms)
{
	uint64_t end_ms = uv_hrtime() / 1000000 + ms;

	while (uv_hrtime() / 1000000 < end_ms) {
		uv_run(&f->loop, UV_RUN_NOWAIT);
		usleep(2000);
	}
}

static struct client
new_client(void)
{
	return (struct client){ .turn.on_connected = on_connected, .fd = -1 };
}

static uint64_t
metric(struct fixture *f, enum tlsd_metric m)
{
	return metrics_sum(f->metrics, m);
}

static void
connects_at_once_when_rproxy_listens(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client();
	int fd;

	rproxy_comes(f);
	fd = reach_connect(&f->backend.reach, &c.turn);
	assert_true(fd >= 0);
	assert_false(c.turn.is_waiting);
	assert_int_equal(2, write(fd, "hi", 2));
	close(fd);
}

static void
clients_wait_while_rproxy_is_away_and_are_served_in_order(void **state)
{
	struct fixture *f = *state;
	struct client c[3] = { new_client(), new_client(), new_client() };

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(
		    -1, reach_connect(&f->backend.reach, &c[i].turn));
	assert_int_equal(3, metric(f, TLSD_BACKEND_WAITING));
	turn_the_loop(f, 200);
	assert_int_equal(0, n_served);
	rproxy_comes(f);
	turn_the_loop(f, 250);
	assert_int_equal(3, n_served);
	assert_int_equal(0, metric(f, TLSD_BACKEND_WAITING));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(i + 1, c[i].place);
		close(c[i].fd);
	}
}

static void
one_attempt_at_a_time_however_many_wait(void **state)
{
	struct fixture *f = *state;
	struct client c[50];

	for (size_t i = 0; i < ARRAY_LEN(c); i++) {
		c[i] = new_client();
		reach_connect(&f->backend.reach, &c[i].turn);
	}
	turn_the_loop(f, 300);
	assert_in_range(metric(f, TLSD_BACKEND_FAILURES), 2, 8);
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		reach_leave(&f->backend.reach, &c[i].turn);
}

static void
who_has_left_is_not_served(void **state)
{
	struct fixture *f = *state;
	struct client a = new_client(), b = new_client();

	reach_connect(&f->backend.reach, &a.turn);
	reach_connect(&f->backend.reach, &b.turn);
	reach_leave(&f->backend.reach, &a.turn);
	reach_leave(&f->backend.reach, &a.turn);
	rproxy_comes(f);
	turn_the_loop(f, 250);
	assert_int_equal(-1, a.fd);
	assert_true(b.fd >= 0);
	close(b.fd);
}

static void
a_full_queue_is_waited_for(void **state)
{
	struct fixture *f = *state;
	struct client c[8];
	size_t n = 0;

	rproxy_comes(f);
	listen(f->listener, 1);
	for (size_t i = 0; i < ARRAY_LEN(c); i++) {
		c[i] = new_client();
		c[i].fd = reach_connect(&f->backend.reach, &c[i].turn);
	}
	assert_true(c[7].turn.is_waiting);
	for (int i = 0; i < 20 && n_served + 2 < ARRAY_LEN(c); i++) {
		close(accept(f->listener, NULL, NULL));
		turn_the_loop(f, 120);
	}
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		n += c[i].fd >= 0 && close(c[i].fd) == 0;
	assert_int_equal(ARRAY_LEN(c), n);
}

static void
assert_is_farewell(struct fixture *f, uint32_t generation)
{
	int fd = accept(f->listener, NULL, NULL);
	struct proxy_v2 pp;
	const char *reason;
	char in[256];
	size_t used;
	ssize_t n = read(fd, in, sizeof(in));

	assert_true(n > 0);
	assert_int_equal(
	    PROXY_V2_DONE, proxy_v2_decode((struct slice){ in, (size_t)n }, &pp,
			       &used, &reason));
	assert_int_equal(n, used);
	assert_int_equal(PROXY_V2_LOCAL, pp.command);
	assert_int_equal(generation, pp.generation);
	assert_true(pp.draining);
	assert_int_equal(0, read(fd, in, sizeof(in)));
	close(fd);
}

static void
tells_rproxy_which_generation_drains(void **state)
{
	struct fixture *f = *state;

	rproxy_comes(f);
	backend_tell_draining(&f->backend, 7);
	assert_is_farewell(f, 7);
}

static void
tells_a_new_rproxy_again_that_this_generation_drains(void **state)
{
	struct fixture *f = *state;
	struct client c = new_client();

	rproxy_comes(f);
	backend_tell_draining(&f->backend, 7);
	assert_is_farewell(f, 7);
	rproxy_goes(f);
	assert_int_equal(-1, reach_connect(&f->backend.reach, &c.turn));
	rproxy_comes(f);
	turn_the_loop(f, 250);
	assert_true(c.fd >= 0);
	close(accept(f->listener, NULL, NULL) >= 0 ? c.fd : -1);
	assert_is_farewell(f, 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connects_at_once_when_rproxy_listens),
		TEST(clients_wait_while_rproxy_is_away_and_are_served_in_order),
		TEST(one_attempt_at_a_time_however_many_wait),
		TEST(who_has_left_is_not_served),
		TEST(a_full_queue_is_waited_for),
		TEST(tells_rproxy_which_generation_drains),
		TEST(tells_a_new_rproxy_again_that_this_generation_drains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
