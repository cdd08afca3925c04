/*
 * The demo daemon (demo_daemon.h) in a folder of its own, and what can be seen
 * of it from outside: its log, its processes, its sockets.  For tests.
 */
#ifndef TESTS_UNIT_COMMON_DEMO_RUN_H
#define TESTS_UNIT_COMMON_DEMO_RUN_H

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "tests/unit/common/demo_daemon.h"

#define WAIT_MS 10000

static char config[128];
static pid_t daemon_pid;

static inline void
configure(const char *words)
{
	FILE *f = fopen(config, "w");

	assert_non_null(f);
	fputs(words, f);
	fclose(f);
}

static inline int
with_folder(void **state)
{
	char dir[] = "/tmp/supervisor-test-XXXXXX";

	(void)state;
	if (mkdtemp(dir) == NULL || chmod(dir, 0755) < 0)
		return -1;
	snprintf(config, sizeof(config), "%s/demo.ini", dir);
	daemon_pid = 0;
	return 0;
}

static inline int
without_folder(void **state)
{
	char command[300];

	(void)state;
	if (daemon_pid > 0) {
		kill(daemon_pid, SIGKILL);
		waitpid(daemon_pid, NULL, 0);
	}
	snprintf(command, sizeof(command), "rm -r %s", beside(config, ""));
	return system(command);
}

/* Standard error goes to the log file, as the log does. */
static inline void
start(const char *option)
{
	char *argv[] = { (char *)"daemon", (char *)"-c", config, (char *)option,
		NULL };

	daemon_pid = fork();
	if (daemon_pid == 0) {
		int fd = open(
		    beside(config, "log"), O_WRONLY | O_CREAT | O_APPEND, 0666);

		dup2(fd, STDERR_FILENO);
		execv("/proc/self/exe", argv);
		_exit(99);
	}
	assert_true(daemon_pid > 0);
}

static inline const char *
log_text(void)
{
	static char text[65536];

	read_text(beside(config, "log"), text, sizeof(text));
	return text;
}

/* The n-th occurrence of what in the log, or NULL. */
static inline const char *
nth(unsigned n, const char *what)
{
	const char *at = strstr(log_text(), what);

	while (at != NULL && --n > 0)
		at = strstr(at + 1, what);
	return at;
}

static inline void
pause_ms(unsigned ms)
{
	usleep(ms * 1000);
}

static inline void
await(unsigned n, const char *what)
{
	uint64_t end_ms = clock_monotonic_ms() + WAIT_MS;

	while (nth(n, what) == NULL) {
		if (clock_monotonic_ms() > end_ms)
			fail_msg(
			    "\"%s\" is not in the log:\n%s", what, log_text());
		pause_ms(10);
	}
}

/* The pid that a child, "worker 0 gen 1", logged last. */
static inline pid_t
pid_of(const char *child)
{
	char line[64];
	unsigned n = 0;

	snprintf(line, sizeof(line), "[%s] info: pid ", child);
	await(1, line);
	while (nth(n + 1, line) != NULL)
		n++;
	return (pid_t)atoi(nth(n, line) + strlen(line));
}

/* An orphan that has ended may wait for init to notice it. */
static inline bool
is_alive(pid_t pid)
{
	char path[32], stat_line[256];
	const char *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	read_text(path, stat_line, sizeof(stat_line));
	state = strrchr(stat_line, ')');
	return state != NULL && state[2] != 'Z';
}

static inline void
await_end(pid_t pid)
{
	uint64_t end_ms = clock_monotonic_ms() + WAIT_MS;

	while (is_alive(pid)) {
		if (clock_monotonic_ms() > end_ms)
			fail_msg("process %d lives on", (int)pid);
		pause_ms(10);
	}
}

static inline int
exit_status(void)
{
	int status;

	assert_int_equal(waitpid(daemon_pid, &status, 0), daemon_pid);
	daemon_pid = 0;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static inline void
start_and_await(const char *words)
{
	configure(words);
	start(NULL);
	await(1, "generation 1 serves");
}

static inline int
connect_to(const char *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct addr a;

	assert_true(addr_parse(slice_of(beside(config, name)), &a));
	if (connect(fd, &a.u.sa, a.len) == 0)
		return fd;
	close(fd);
	return -1;
}

static inline const char *
get(const char *path)
{
	static char answer[16384];
	int fd = connect_to("admin.sock");
	size_t n = 0;
	ssize_t got;

	assert_true(fd >= 0);
	dprintf(fd, "GET %s HTTP/1.1\r\n\r\n", path);
	while ((got = read(fd, answer + n, sizeof(answer) - 1 - n)) > 0)
		n += (size_t)got;
	assert_int_equal(got, 0);
	answer[n] = '\0';
	close(fd);
	return answer;
}

static inline void
assert_contains(const char *text, const char *what)
{
	if (strstr(text, what) == NULL)
		fail_msg("\"%s\" is not in:\n%s", what, text);
}

#define DEMO_TEST(f)                                                           \
	cmocka_unit_test_setup_teardown(f, with_folder, without_folder)

#endif
