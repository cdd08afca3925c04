#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/status.h"
#include "tests/unit/short_memory.h"

#define MANY_SITES 20000

static const struct generation_events no_events;

static const struct metric_def counted[] = {
	{ .name = "demo_total",
	    .help = "Things done.",
	    .kind = METRIC_COUNTER },
};

/* They live as long as their process; kept where a leak checker looks, and
 * volatile, or the compiler would keep it nowhere. */
static struct metrics *volatile metrics;

static struct generation *
with_sites(const struct process_home *home, struct metrics *m, unsigned n_sites)
{
	struct log_files logs = { .error_fd = -1 };
	const int no_sockets[1] = { -1 };
	struct plan p;
	char name[32];

	plan_init(&p, "/demo.ini");
	plan_add_role(&p, (struct plan_role){ .name = "worker", .count = 1 });
	for (unsigned i = 0; i < n_sites; i++) {
		snprintf(name, sizeof(name), "site-%u.example.com", i);
		plan_add_expiry(&p, PLAN_CERTIFICATE, name, 1800000000);
	}
	return generation_new(
	    home, m, 1, &p, &logs, no_sockets, &no_events, NULL);
}

static void
metrics_name_each_of_many_sites(void **state)
{
	const char *last = "site=\"site-19999.example.com\"} 1800000000\n";
	struct master_counts counts = { 0 };
	struct admin_answer a;
	struct status s = { .daemon = "demo", .counts = &counts };
	uv_loop_t loop;
	struct process_home home = { .loop = &loop };
	struct generation *g;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	home.wheel = deadlines_new(&loop);
	s.metrics = metrics = metrics_new(counted, 1);
	s.active = g = with_sites(&home, metrics, MANY_SITES);

	status_answer(&s, SLICE("/metrics"), &a);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.body, last));

	mem_free(a.body);
	generation_free(g);
	deadlines_free(home.wheel);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

/* However far it comes: there is a whole answer, or none. */
static void
memory_that_is_short_makes_no_half_answer(void **state)
{
	static const char *const paths[] = { "/metrics", "/status", "/healthz",
		"/elsewhere" };
	struct master_counts counts = { 0 };
	struct status s = { .daemon = "demo",
		.version = "1",
		.counts = &counts,
		.reload_result = "none",
		.reload_error = "" };
	struct admin_answer a;

	(void)state;
	if (metrics == NULL)
		metrics = metrics_new(counted, 1);
	s.metrics = metrics;
	for (unsigned i = 0; i < ARRAY_LEN(paths); i++) {
		unsigned n = 0;

		for (a.body = NULL; a.body == NULL; n++) {
			until_short = n;
			status_answer(&s, slice_of(paths[i]), &a);
			assert_true(n < 100);
		}
		until_short = UINT_MAX;
		assert_true(n > 1);
		assert_int_equal(a.body[strlen(a.body) - 1], '\n');
		mem_free(a.body);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metrics_name_each_of_many_sites),
		cmocka_unit_test(memory_that_is_short_makes_no_half_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
