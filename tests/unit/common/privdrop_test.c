#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/privdrop.h"

/* What was dropped does not come back: each case has its own process. */
static int
result_of(int (*f)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(f());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool
is_locked_up(void)
{
	struct rlimit core;
	int signum = 0;

	return getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 &&
	       prctl(PR_GET_DUMPABLE) == 0 &&
	       prctl(PR_GET_PDEATHSIG, &signum) == 0 && signum == SIGKILL;
}

static int
stay(void)
{
	const struct privdrop p = { NULL, NULL };
	const char *error;
	uid_t uid = getuid();

	if (!privdrop(&p, &error))
		return 1;
	return getuid() == uid && is_locked_up() ? 0 : 2;
}

static int
become_nobody(void)
{
	const struct privdrop p = { "nobody", "/tmp" };
	const char *error;

	if (!privdrop(&p, &error))
		return 1;
	if (getuid() != 65534 || geteuid() != 65534 || getgroups(0, NULL) != 0)
		return 2;
	if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0)
		return 3;
	if (access("/etc", F_OK) == 0)
		return 4;
	return is_locked_up() ? 0 : 5;
}

static int
become_root(void)
{
	const struct privdrop p = { "root", NULL };
	const char *error;

	return privdrop(&p, &error) ? 1 : 0;
}

static void
locks_up_a_process_that_stays_who_it_is(void **state)
{
	(void)state;
	assert_int_equal(result_of(stay), 0);
}

static void
leaves_root_for_good(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(result_of(become_nobody), 0);
}

static void
refuses_root_as_the_ordinary_user(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(result_of(become_root), 0);
}

static void
refuses_a_user_that_does_not_exist(void **state)
{
	const struct privdrop p = { "no-such-user-here", NULL };
	const char *error = NULL;
	uid_t uid;
	gid_t gid;

	(void)state;
	assert_false(privdrop(&p, &error));
	assert_non_null(strstr(error, "no-such-user-here"));
	assert_false(privdrop_lookup(p.user, &uid, &gid));
	assert_true(privdrop_lookup("nobody", &uid, &gid));
	assert_int_equal(uid, 65534);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(locks_up_a_process_that_stays_who_it_is),
		cmocka_unit_test(leaves_root_for_good),
		cmocka_unit_test(refuses_root_as_the_ordinary_user),
		cmocka_unit_test(refuses_a_user_that_does_not_exist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
