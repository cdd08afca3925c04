#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/child.h"
#include "common/plan.h"

/* Like tlsd: one child that all workers have a channel to. */
static void
make_plan(struct plan *p, unsigned workers, unsigned addresses, unsigned logs)
{
	struct addr a;

	plan_init(p, "/etc/x.ini");
	plan_add_role(p, (struct plan_role){ .name = "signer", .count = 1 });
	plan_add_role(p, (struct plan_role){ .name = "worker",
			     .count = workers,
			     .serves = true,
			     .has_channel_to_first = true });
	assert_true(addr_parse(SLICE("127.0.0.1:1"), &a));
	for (unsigned i = 0; i < addresses; i++)
		plan_add_listen(p, &a, (uid_t)-1, (gid_t)-1);
	for (unsigned i = 0; i < logs; i++)
		plan_add_access_log(p, "/var/log/x");
}

static void
refuses_more_than_a_master_can_hand_on(void **state)
{
	static const struct {
		unsigned workers, addresses, logs;
		const char *fault; /* NULL: none */
	} cases[] = {
		{ 1, 1, 1, NULL },
		{ CHILD_MAX_PEERS, CHILD_MAX_LISTEN, CHILD_MAX_LOGS, NULL },
		{ CHILD_MAX_PEERS + 1, 1, 1, "workers" },
		{ 1, CHILD_MAX_LISTEN + 1, 1, "listen addresses" },
		{ 1, 1, CHILD_MAX_LOGS + 1, "access logs" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_faults *f = conf_faults_new();
		struct plan p;

		make_plan(
		    &p, cases[i].workers, cases[i].addresses, cases[i].logs);
		plan_check(&p, f);
		assert_int_equal(
		    conf_n_errors(f), cases[i].fault != NULL ? 1 : 0);
		if (cases[i].fault != NULL)
			assert_non_null(
			    strstr(conf_fault_text(f, 0), cases[i].fault));
		plan_fini(&p);
		conf_faults_free(f);
	}
}

static void
keeps_addresses_and_logs_in_order(void **state)
{
	struct plan p;
	struct addr a, b;

	(void)state;
	plan_init(&p, "/etc/x.ini");
	assert_true(addr_parse(SLICE("127.0.0.1:1"), &a));
	assert_true(addr_parse(SLICE("[::1]:2"), &b));
	plan_add_listen(&p, &a, (uid_t)-1, (gid_t)-1);
	plan_add_listen(&p, &b, 7, 8);
	plan_add_access_log(&p, "/a");
	plan_add_access_log(&p, "/b");
	assert_int_equal(p.n_listen, 2);
	assert_true(addr_eq(&p.listen[0].addr, &a));
	assert_true(addr_eq(&p.listen[1].addr, &b));
	assert_int_equal(p.listen[1].owner, 7);
	assert_int_equal(p.listen[1].group, 8);
	assert_string_equal(p.access_log[0], "/a");
	assert_string_equal(p.access_log[1], "/b");
	plan_fini(&p);
	assert_int_equal(p.bundle_fd, -1);
	assert_int_equal(p.n_listen, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_more_than_a_master_can_hand_on),
		cmocka_unit_test(keeps_addresses_and_logs_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
