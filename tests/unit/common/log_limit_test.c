#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/log_limit.h"

/* Counted lines out of so many attempts in one second. */
static unsigned
attempt(struct log_limit *l, unsigned n)
{
	unsigned allowed = 0;

	for (unsigned i = 0; i < n; i++)
		allowed += log_limit_allows(l);
	return allowed;
}

static void
read_log(int fd, char *out, size_t room)
{
	ssize_t n = read(fd, out, room - 1);

	out[n > 0 ? n : 0] = '\0';
}

static void
allows_so_many_in_a_second_and_tells_the_rest(void **state)
{
	char text[1024];
	uv_loop_t loop;
	struct deadlines *wheel;
	struct log_limit l;
	int log[2];

	(void)state;
	assert_int_equal(pipe(log), 0);
	log_init("test", LOG_TO_STREAM, log[1], LOG_LEVEL_INFO);
	assert_int_equal(uv_loop_init(&loop), 0);
	wheel = deadlines_new(&loop);
	log_limit_init(&l, wheel, "knocks", 3);

	assert_int_equal(attempt(&l, 2), 2);
	assert_int_equal(attempt(&l, 5), 1);
	for (unsigned i = 0; i < 100 && deadline_is_set(&l.second); i++)
		uv_run(&loop, UV_RUN_ONCE);
	read_log(log[0], text, sizeof(text));
	assert_non_null(strstr(text, "info: 4 more knocks are not shown\n"));

	assert_int_equal(attempt(&l, 9), 3);
	log_limit_fini(&l);
	read_log(log[0], text, sizeof(text));
	assert_non_null(strstr(text, "info: 6 more knocks are not shown\n"));

	log_init("test", LOG_TO_STREAM, STDERR_FILENO, LOG_LEVEL_INFO);
	deadlines_free(wheel);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	close(log[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allows_so_many_in_a_second_and_tells_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
