#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/metrics.h"

enum {
	HANDSHAKES_12,
	HANDSHAKES_13,
	ACTIVE,
	N_DEFS
};

static const struct metric_def defs[N_DEFS] = {
	{ "tlsd_handshakes_total", "version=\"TLSv1.2\"", "Finished ones.",
	    METRIC_COUNTER },
	{ "tlsd_handshakes_total", "version=\"TLSv1.3\"", NULL,
	    METRIC_COUNTER },
	{ "tlsd_active", NULL, "Connections now.", METRIC_GAUGE },
};

/* They live as long as their process; kept where a leak checker looks. */
static struct metrics *
kept(struct metrics *m)
{
	static struct metrics *all[32];
	static size_t n;

	assert_true(n < ARRAY_LEN(all));
	return all[n++] = m;
}

static struct metrics *
child_of(struct metrics *master, int *slot)
{
	*slot = metrics_take_slot(master);
	assert_true(*slot >= 0);
	return kept(metrics_open(
	    defs, N_DEFS, dup(metrics_fd(master)), (unsigned)*slot));
}

static void
rows_are_added_up(void **state)
{
	struct metrics *m = kept(metrics_new(defs, N_DEFS));
	int a_slot, b_slot;
	struct metrics *a = child_of(m, &a_slot);
	struct metrics *b = child_of(m, &b_slot);

	(void)state;
	assert_int_not_equal(a_slot, b_slot);
	assert_int_equal(metrics_sum(m, ACTIVE), 0);
	metrics_add(a, HANDSHAKES_13, 5);
	metrics_add(a, HANDSHAKES_13, 1);
	metrics_add(b, HANDSHAKES_13, 10);
	metrics_add(m, HANDSHAKES_13, 100);
	metrics_add(b, ACTIVE, 3);
	metrics_sub(b, ACTIVE, 1);
	metrics_set(a, ACTIVE, 7);
	assert_int_equal(metrics_sum(m, HANDSHAKES_13), 116);
	assert_int_equal(metrics_sum(a, HANDSHAKES_13), 116);
	assert_int_equal(metrics_sum(m, HANDSHAKES_12), 0);
	assert_int_equal(metrics_sum(m, ACTIVE), 9);
}

static void
counters_outlive_their_process_and_gauges_do_not(void **state)
{
	struct metrics *m = kept(metrics_new(defs, N_DEFS));
	int slot;
	struct metrics *child = child_of(m, &slot);

	(void)state;
	metrics_add(child, HANDSHAKES_12, 4);
	metrics_add(child, ACTIVE, 2);
	metrics_give_slot(m, (unsigned)slot);
	assert_int_equal(metrics_sum(m, HANDSHAKES_12), 4);
	assert_int_equal(metrics_sum(m, ACTIVE), 0);
	/* the next one in this slot starts at nothing */
	child = child_of(m, &slot);
	metrics_add(child, HANDSHAKES_12, 1);
	assert_int_equal(metrics_sum(m, HANDSHAKES_12), 5);
	metrics_give_slot(m, (unsigned)slot);
	assert_int_equal(metrics_sum(m, HANDSHAKES_12), 5);
}

static void
slots_run_out_and_come_back(void **state)
{
	struct metrics *m = kept(metrics_new(defs, N_DEFS));
	bool taken[METRICS_SLOTS] = { 0 };

	(void)state;
	for (int i = 0; i < METRICS_SLOTS; i++) {
		int slot = metrics_take_slot(m);

		assert_in_range(slot, 0, METRICS_SLOTS - 1);
		assert_false(taken[slot]);
		taken[slot] = true;
	}
	assert_int_equal(metrics_take_slot(m), -1);
	metrics_give_slot(m, 17);
	assert_int_equal(metrics_take_slot(m), 17);
	assert_int_equal(metrics_take_slot(m), -1);
}

static void
another_process_counts_into_the_same_page(void **state)
{
	struct metrics *m = kept(metrics_new(defs, N_DEFS));
	int slot = metrics_take_slot(m);
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		metrics_add(
		    metrics_open(defs, N_DEFS, metrics_fd(m), (unsigned)slot),
		    HANDSHAKES_13, 42);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(metrics_sum(m, HANDSHAKES_13), 42);
}

static void
no_process_can_cut_the_page_off(void **state)
{
	struct metrics *m = kept(metrics_new(defs, N_DEFS));

	(void)state;
	assert_int_equal(ftruncate(metrics_fd(m), 0), -1);
	assert_int_not_equal(fcntl(metrics_fd(m), F_GETFD) & FD_CLOEXEC, 0);
}

static void
writes_help_and_type_once_per_family(void **state)
{
	struct metrics *m = kept(metrics_new(defs, N_DEFS));
	char *text;

	(void)state;
	metrics_add(m, HANDSHAKES_12, 1);
	metrics_add(m, HANDSHAKES_13, UINT64_MAX);
	metrics_set(m, ACTIVE, 20);
	text = metrics_text(m);
	assert_string_equal(text,
	    "# HELP tlsd_handshakes_total Finished ones.\n"
	    "# TYPE tlsd_handshakes_total counter\n"
	    "tlsd_handshakes_total{version=\"TLSv1.2\"} 1\n"
	    "tlsd_handshakes_total{version=\"TLSv1.3\"} "
	    "18446744073709551615\n"
	    "# HELP tlsd_active Connections now.\n"
	    "# TYPE tlsd_active gauge\n"
	    "tlsd_active 20\n");
	mem_free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_added_up),
		cmocka_unit_test(
		    counters_outlive_their_process_and_gauges_do_not),
		cmocka_unit_test(slots_run_out_and_come_back),
		cmocka_unit_test(another_process_counts_into_the_same_page),
		cmocka_unit_test(no_process_can_cut_the_page_off),
		cmocka_unit_test(writes_help_and_type_once_per_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
