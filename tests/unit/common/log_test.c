#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"

static int reader = -1;

static int
with_pipe(void **state)
{
	int ends[2];

	(void)state;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	reader = ends[0];
	log_init("tlsd", LOG_TO_STREAM, ends[1], LOG_LEVEL_INFO);
	log_set_process("worker 0 gen 1");
	return 0;
}

static int
without_pipe(void **state)
{
	(void)state;
	log_init("", LOG_TO_STREAM, STDERR_FILENO, LOG_LEVEL_INFO);
	log_set_process("");
	close(reader);
	return 0;
}

/* Everything written since the last call. */
static const char *
written(void)
{
	static char text[8192];
	ssize_t n = read(reader, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
assert_matches(const char *text, const char *pattern)
{
	regex_t re;

	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&re, text, 0, NULL, 0) != 0)
		fail_msg("\"%s\" does not match \"%s\"", text, pattern);
	regfree(&re);
}

static void
names_time_daemon_process_and_level(void **state)
{
	(void)state;
	log_warning("%d of %s", 3, "four");
	assert_matches(written(),
	    "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z "
	    "tlsd\\[worker 0 gen 1\\] warning: 3 of four\n$");
}

static void
leaves_out_what_is_below_the_level(void **state)
{
	(void)state;
	log_debug("not this");
	assert_string_equal(written(), "");
	log_info("this");
	assert_matches(written(), "info: this\n$");
}

static void
escapes_what_could_forge_a_line(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		{ "a\nb", "error: a\\\\x0ab\n$" },
		{ "a\r\tb", "error: a\\\\x0d\\\\x09b\n$" },
		{ "\x1b[2J", "error: \\\\x1b\\[2J\n$" },
		{ "\xc3\xa4", "error: \\\\xc3\\\\xa4\n$" },
		{ "\x7f", "error: \\\\x7f\n$" },
		{ "~ plain", "error: ~ plain\n$" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		log_error("%s", cases[i].in);
		assert_matches(written(), cases[i].out);
	}
}

static void
keeps_a_line_within_what_a_pipe_takes_whole(void **state)
{
	char text[6000];
	const char *line;

	(void)state;
	memset(text, '\n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
	line = written();
	assert_true(strlen(line) <= 4096);
	/* one line, and no escape cut in two */
	assert_matches(line, "^[^\n]*(\\\\x0a)+\n$");
}

static void
gives_syslog_a_priority_and_no_time(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	log_init("tlsd", LOG_TO_SYSLOG, ends[1], LOG_LEVEL_INFO);
	close(reader);
	reader = ends[0];
	log_error("text");
	assert_matches(written(),
	    "^<27>tlsd\\[[0-9]+\\]: \\[worker 0 gen 1\\] error: text$");
}

static void
appends_to_a_file_and_follows_its_renaming(void **state)
{
	char dir[] = "/tmp/log_test.XXXXXX", path[64], moved[64], text[256];
	enum log_kind kind;
	ssize_t n;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.log", dir);
	snprintf(moved, sizeof(moved), "%s/b.log", dir);
	fd = log_open(path, &kind);
	assert_true(fd >= 0);
	assert_int_equal(kind, LOG_TO_STREAM);
	log_reopen(fd);
	log_info("first");
	assert_int_equal(rename(path, moved), 0);
	log_reopen(log_open(path, &kind));
	assert_int_equal(fcntl(fd, F_GETFD), -1); /* the old one is closed */
	log_info("second");

	fd = open(path, O_RDONLY);
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_matches(text, "^[^\n]*info: second\n$");
	close(fd);
	unlink(path);
	unlink(moved);
	rmdir(dir);
}

static void
fatal_logs_and_exits_with_1(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		fatal("no %s", "memory");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_matches(written(), "error: no memory\n$");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, with_pipe, without_pipe)
	const struct CMUnitTest tests[] = {
		T(names_time_daemon_process_and_level),
		T(leaves_out_what_is_below_the_level),
		T(escapes_what_could_forge_a_line),
		T(keeps_a_line_within_what_a_pipe_takes_whole),
		T(gives_syslog_a_priority_and_no_time),
		T(appends_to_a_file_and_follows_its_renaming),
		T(fatal_logs_and_exits_with_1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
