#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/child_wire.h"

/* Fills every field with something of its own. */
static void
make_inheritance(struct inheritance *in)
{
	memset(in, 0, sizeof(*in));
	strcpy(in->role, "worker");
	strcpy(in->config, "/etc/tlsd/tlsd.ini");
	in->index = 3;
	in->count = 8;
	in->generation = 70000;
	in->slot = 11;
	in->log_level = LOG_LEVEL_DEBUG;
	in->log_kind = LOG_TO_SYSLOG;
	in->bundle_fd = 100;
	in->metrics_fd = 101;
	in->log_fd = 102;
	in->state_fd = 103;
	in->n_listen = 2;
	in->listen_fd[0] = 104;
	in->listen_fd[1] = 105;
	in->n_peer = 1;
	in->peer_fd[0] = 106;
	in->n_access_log = 2;
	in->access_log_fd[0] = 107;
	in->access_log_fd[1] = 108;
}

/* One written, with its descriptors. */
struct written {
	char bytes[CHILD_WIRE_MAX];
	size_t len;
	int fds[CHILD_WIRE_MAX_FDS];
	unsigned n_fds;
};

static void
write_inheritance(struct written *w, const struct inheritance *in)
{
	w->len = child_wire_put_inheritance(in, w->bytes, w->fds, &w->n_fds);
	assert_true(w->len <= CHILD_WIRE_MAX);
}

static bool
is_read(const struct written *w, struct inheritance *out)
{
	return child_wire_get_inheritance(
	    (struct slice){ w->bytes, w->len }, w->fds, w->n_fds, out);
}

static void
assert_carried(const struct inheritance *in, unsigned n_fds)
{
	static struct inheritance out;
	struct written w;

	write_inheritance(&w, in);
	assert_int_equal(w.n_fds, n_fds);
	assert_true(is_read(&w, &out));
	assert_memory_equal(in, &out, sizeof(out));
}

static void
carries_an_inheritance_whole(void **state)
{
	static struct inheritance in;

	(void)state;
	make_inheritance(&in);
	assert_carried(&in, 9);
}

static void
carries_the_largest_inheritance(void **state)
{
	static struct inheritance in;

	(void)state;
	make_inheritance(&in);
	memset(in.config, 'x', sizeof(in.config) - 1);
	in.n_listen = CHILD_MAX_LISTEN;
	in.n_peer = CHILD_MAX_PEERS;
	in.n_access_log = CHILD_MAX_LOGS;
	assert_carried(&in, CHILD_WIRE_MAX_FDS);
}

static void
says_which_descriptors_are_missing(void **state)
{
	static struct inheritance in;

	(void)state;
	make_inheritance(&in);
	in.bundle_fd = -1;
	assert_carried(&in, 8);
}

static void
refuses_an_inheritance_of_another_build(void **state)
{
	static struct inheritance in, out;
	struct written w;
	size_t whole;

	(void)state;
	make_inheritance(&in);
	write_inheritance(&w, &in);
	w.n_fds--;
	assert_false(is_read(&w, &out));
	w.n_fds += 2;
	assert_false(is_read(&w, &out));
	w.n_fds--;
	assert_true(is_read(&w, &out));
	whole = w.len;
	for (w.len = 0; w.len < 40; w.len++)
		assert_false(is_read(&w, &out));
	w.len = whole;
	w.bytes[1] = CHILD_WIRE_VERSION + 1;
	assert_false(is_read(&w, &out));
	w.bytes[1] = CHILD_WIRE_VERSION;
	w.bytes[20] = CHILD_MAX_LISTEN + 1;
	assert_false(is_read(&w, &out));
}

static void
carries_orders(void **state)
{
	static const enum child_message all[] = { CHILD_DRAIN, CHILD_PEER,
		CHILD_LOG, CHILD_ACCESS_LOG, CHILD_TELL, CHILD_LAST,
		CHILD_STOP };
	char message[CHILD_WIRE_ORDER_BYTES];
	struct slice s = { message, sizeof(message) };
	struct child_order o;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		child_wire_put_order(all[i], UINT64_C(1) << 40 | i, message);
		assert_true(child_wire_get_order(s, &o));
		assert_int_equal(o.what, all[i]);
		assert_int_equal(o.value, UINT64_C(1) << 40 | i);
		assert_int_equal(o.fd, -1);
	}
	for (size_t i = 0; i < sizeof(message); i++)
		assert_false(child_wire_get_order(slice_first(s, i), &o));
	message[1] = CHILD_NOTHING;
	assert_false(child_wire_get_order(s, &o));
	message[1] = CHILD_STOP + 1;
	assert_false(child_wire_get_order(s, &o));
}

static void
carries_reports_and_cuts_a_long_reason(void **state)
{
	static char reason[2 * CHILD_WIRE_MAX];
	char message[CHILD_WIRE_MAX];
	enum child_report report;
	struct slice text;
	size_t n;

	(void)state;
	n = child_wire_put_report(CHILD_REPORT_READY, SLICE_NONE, message);
	assert_true(child_wire_get_report(
	    (struct slice){ message, n }, &report, &text));
	assert_int_equal(report, CHILD_REPORT_READY);

	n = child_wire_put_report(
	    CHILD_REPORT_FAILED, SLICE("no key"), message);
	assert_true(child_wire_get_report(
	    (struct slice){ message, n }, &report, &text));
	assert_int_equal(report, CHILD_REPORT_FAILED);
	assert_true(slice_eq(text, SLICE("no key")));

	n = child_wire_put_report(CHILD_REPORT_FAILED,
	    (struct slice){ reason, sizeof(reason) }, message);
	assert_int_equal(n, CHILD_WIRE_MAX);
	n = child_wire_put_report(
	    CHILD_REPORT_TELL, SLICE("\0\0\0\0\0\0\0\7"), message);
	assert_true(child_wire_get_report(
	    (struct slice){ message, n }, &report, &text));
	assert_int_equal(report, CHILD_REPORT_TELL);
	assert_int_equal(text.len, 8);
	assert_false(child_wire_get_report(
	    (struct slice){ message, n - 1 }, &report, &text));
	assert_false(child_wire_get_report(SLICE(""), &report, &text));
	assert_false(child_wire_get_report(SLICE("X"), &report, &text));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_an_inheritance_whole),
		cmocka_unit_test(carries_the_largest_inheritance),
		cmocka_unit_test(says_which_descriptors_are_missing),
		cmocka_unit_test(refuses_an_inheritance_of_another_build),
		cmocka_unit_test(carries_orders),
		cmocka_unit_test(carries_reports_and_cuts_a_long_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
