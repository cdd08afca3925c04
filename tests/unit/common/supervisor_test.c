/*
 * A small daemon is tried out: this program executed anew as master
 * ("daemon"), which executes it anew as "demo: signer" and "demo: worker".
 * Its configuration is a list of words that say how it shall behave:
 *
 *	broken            the configuration has an error
 *	two-sockets       a second address
 *	drop              children change to another user
 *	fail-worker       workers fail at start
 *	fail-old-signer   signers of generation 1 fail at start
 *	crash-worker      workers end as soon as they are ready
 *	hang-worker       workers do not drain
 *	expired           something has expired
 *	tell-worker       workers tell the others 40 + their number
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/child.h"
#include "common/clock.h"
#include "common/master.h"
#include "common/mem.h"
#include "common/privdrop.h"
#include "common/watch.h"

#define WAIT_MS 10000
#define DRAIN_MS 300

/* the children ----------------------------------------------------------- */

static struct inheritance in;
static struct watch *channel; /* a worker's, to the signer */
static bool hangs;

static void
read_text(const char *path, char *out, size_t room_bytes)
{
	FILE *f = fopen(path, "r");
	size_t n = f != NULL ? fread(out, 1, room_bytes - 1, f) : 0;

	out[n] = '\0';
	if (f != NULL)
		fclose(f);
}

static bool
is_told(const char *config, const char *word)
{
	char text[512];

	read_text(config, text, sizeof(text));
	return strstr(text, word) != NULL;
}

static void
become_ready(void)
{
	const struct privdrop p = { geteuid() == 0 ? "nobody" : NULL, NULL };
	const char *error;

	if (is_told(in.config, "drop") && !privdrop(&p, &error))
		child_fail("%s", error);
	log_info("pid %d up", (int)getpid());
	child_ready();
}

static void
obey(const struct child_order *o)
{
	if (o->what == CHILD_DRAIN && !hangs)
		exit(0);
	if (o->what == CHILD_STOP)
		exit(0);
}

/* Answers each byte of a worker with the same byte. */
static int
run_signer(void)
{
	struct pollfd p[1 + CHILD_MAX_PEERS];
	struct child_order o;
	char byte;

	if (in.n_listen + in.n_access_log > 0)
		child_fail("what would a signer listen for?");
	if (is_told(in.config, "fail-old-signer") && in.generation == 1)
		child_fail("told to fail");
	p[0] = (struct pollfd){ .fd = CHILD_CONTROL_FD, .events = POLLIN };
	for (unsigned i = 0; i < in.n_peer; i++)
		p[1 + i] =
		    (struct pollfd){ .fd = in.peer_fd[i], .events = POLLIN };
	become_ready();
	for (;;) {
		poll(p, 1 + in.n_peer, -1);
		for (unsigned i = 1; i <= in.n_peer; i++)
			if (p[i].fd >= 0 && p[i].revents != 0) {
				if (recv(p[i].fd, &byte, 1, 0) == 1)
					send(p[i].fd, &byte, 1, MSG_NOSIGNAL);
				else
					p[i].fd = -1;
			}
		while ((o = child_next()).what != CHILD_NOTHING) {
			if (o.what == CHILD_PEER)
				p[1 + o.value].fd = o.fd;
			obey(&o);
		}
	}
}

static void
on_channel_closed(struct watch *w)
{
	mem_free(w);
}

static void
on_channel(struct watch *w, unsigned events)
{
	char byte;

	(void)events;
	if (recv(w->fd, &byte, 1, MSG_DONTWAIT) == 1)
		log_info("the signer answers");
	else
		watch_want(w, 0);
}

static void
talk_to_signer(uv_loop_t *loop, int fd)
{
	if (channel != NULL)
		watch_close(channel, on_channel_closed);
	channel = mem_need(sizeof(*channel));
	CHECK(watch_open(channel, loop, fd, on_channel));
	watch_want(channel, WATCH_READ);
	send(fd, "x", 1, MSG_NOSIGNAL);
}

static void
on_order(const struct child_order *o, void *ctx)
{
	if (o->what == CHILD_PEER)
		talk_to_signer(ctx, o->fd);
	if (o->what == CHILD_TELL)
		log_info("told %d", (int)o->value);
	if (o->what == CHILD_LAST)
		log_info("nobody follows");
	if (o->what == CHILD_LOG)
		log_error("CHILD_LOG is not for us");
	if (o->what == CHILD_ACCESS_LOG)
		dprintf(o->fd, "fresh access log %d\n", (int)o->value);
	obey(o);
}

/* Which master made the page. */
static void
make_state(void *state, uint64_t keep_ms, uint64_t now_ms)
{
	uint64_t *maker = state;

	CHECK(now_ms > 0 && keep_ms == DRAIN_MS);
	if (*maker == 0)
		*maker = (uint64_t)getpid();
}

static const struct state_desc state_desc = {
	.version = 1, .len_bytes = 8, .turn = make_state
};

static void
tell_state(void)
{
	const uint64_t *maker =
	    state_page_map("demo", &state_desc, in.state_fd);

	CHECK(maker != NULL);
	log_info("state of %d", (int)*maker);
}

static int
run_worker(void)
{
	static uv_loop_t loop;

	if (is_told(in.config, "fail-worker"))
		child_fail("told to fail");
	if (in.n_listen == 0 || in.n_access_log != 1)
		child_fail("no listening socket, no access log");
	hangs = is_told(in.config, "hang-worker");
	uv_loop_init(&loop);
	talk_to_signer(&loop, in.peer_fd[0]);
	child_attach(&loop, on_order, &loop);
	tell_state();
	become_ready();
	if (is_told(in.config, "tell-worker"))
		CHECK(child_tell(40 + in.index));
	if (is_told(in.config, "crash-worker"))
		exit(3);
	uv_run(&loop, UV_RUN_DEFAULT);
	return 1;
}

/* the master ------------------------------------------------------------- */

static char *
beside(const char *config, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%.*s/%s",
	    (int)(strrchr(config, '/') - config), config, name);
	return path;
}

static void
add_socket(struct plan *p, const char *path)
{
	struct addr a;

	CHECK(addr_parse(slice_of(path), &a));
	plan_add_listen(p, &a, (uid_t)-1, (gid_t)-1);
}

static void
read_plan(
    const char *path, struct bundle *b, struct plan *p, struct conf_faults *f)
{
	(void)b;
	if (access(path, R_OK) < 0 || is_told(path, "broken")) {
		conf_error(f, (struct conf_place){ path, 1 }, "it is broken");
		return;
	}
	plan_add_role(
	    p, (struct plan_role){
		   .name = "signer", .count = 1, .reload_when_failing = true });
	plan_add_role(p, (struct plan_role){ .name = "worker",
			     .count = 2,
			     .serves = true,
			     .has_channel_to_first = true });
	add_socket(p, beside(path, "a.sock"));
	if (is_told(path, "two-sockets"))
		add_socket(p, beside(path, "b.sock"));
	plan_add_access_log(p, beside(path, "access.log"));
	plan_add_expiry(p, "a \"b", INT64_C(4102444800));
	if (is_told(path, "expired"))
		plan_add_expiry(p, "old", 1000000000);
	p->log = mem_need_strdup(beside(path, "log"));
	p->log_level = LOG_LEVEL_INFO;
	p->admin = mem_need_strdup(beside(path, "admin.sock"));
	p->drain_timeout_ms = DRAIN_MS;
	p->keep_ms = DRAIN_MS;
}

static int
run_daemon(int argc, char **argv)
{
	static const struct metric_def metrics[] = { { "demo_things_total",
	    NULL, "Things.", METRIC_COUNTER } };
	static struct daemon_desc d = {
		.name = "demo",
		.default_config = "/nonexistent",
		.metrics = metrics,
		.n_metrics = ARRAY_LEN(metrics),
		.read_plan = read_plan,
	};

	d.state = state_desc;
	return master_main(&d, argc, argv);
}

/* the tests' side -------------------------------------------------------- */

static char config[128];
static pid_t daemon_pid;

static void
configure(const char *words)
{
	FILE *f = fopen(config, "w");

	assert_non_null(f);
	fputs(words, f);
	fclose(f);
}

static int
with_folder(void **state)
{
	char dir[] = "/tmp/supervisor_test.XXXXXX";

	(void)state;
	if (mkdtemp(dir) == NULL || chmod(dir, 0755) < 0)
		return -1;
	snprintf(config, sizeof(config), "%s/demo.ini", dir);
	daemon_pid = 0;
	return 0;
}

static int
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
static void
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

static const char *
log_text(void)
{
	static char text[65536];

	read_text(beside(config, "log"), text, sizeof(text));
	return text;
}

/* The n-th occurrence of what in the log, or NULL. */
static const char *
nth(unsigned n, const char *what)
{
	const char *at = strstr(log_text(), what);

	while (at != NULL && --n > 0)
		at = strstr(at + 1, what);
	return at;
}

static void
pause_ms(unsigned ms)
{
	usleep(ms * 1000);
}

static void
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
static pid_t
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
static bool
is_alive(pid_t pid)
{
	char path[32], stat_line[256];
	const char *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	read_text(path, stat_line, sizeof(stat_line));
	state = strrchr(stat_line, ')');
	return state != NULL && state[2] != 'Z';
}

static void
await_end(pid_t pid)
{
	uint64_t end_ms = clock_monotonic_ms() + WAIT_MS;

	while (is_alive(pid)) {
		if (clock_monotonic_ms() > end_ms)
			fail_msg("process %d lives on", (int)pid);
		pause_ms(10);
	}
}

static int
exit_status(void)
{
	int status;

	assert_int_equal(waitpid(daemon_pid, &status, 0), daemon_pid);
	daemon_pid = 0;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
start_and_await(const char *words)
{
	configure(words);
	start(NULL);
	await(1, "generation 1 serves");
}

static int
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

static const char *
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

static void
assert_contains(const char *text, const char *what)
{
	if (strstr(text, what) == NULL)
		fail_msg("\"%s\" is not in:\n%s", what, text);
}

/* the tests -------------------------------------------------------------- */

static void
serves_when_every_child_is_ready_and_drains_on_term(void **state)
{
	(void)state;
	start_and_await("");
	await(2, "the signer answers");
	pid_of("signer 0 gen 1");
	pid_of("worker 0 gen 1");
	pid_of("worker 1 gen 1");
	kill(daemon_pid, SIGTERM);
	assert_int_equal(exit_status(), 0);
	await_end(pid_of("worker 0 gen 1"));
	await_end(pid_of("signer 0 gen 1"));
	assert_int_equal(access(beside(config, "a.sock"), F_OK), -1);
	assert_int_equal(access(beside(config, "admin.sock"), F_OK), -1);
}

static void
fails_to_start_with_a_child_that_fails(void **state)
{
	(void)state;
	configure("fail-worker");
	start(NULL);
	assert_int_equal(exit_status(), 1);
	await(1, "cannot start: worker ");
	await(1, ": told to fail");
	await_end(pid_of("signer 0 gen 1"));
	assert_int_equal(access(beside(config, "a.sock"), F_OK), -1);
}

static void
checks_and_exits_with_0_or_1(void **state)
{
	(void)state;
	configure("");
	start("-t");
	assert_int_equal(exit_status(), 0);
	configure("broken");
	start("-t");
	assert_int_equal(exit_status(), 1);
	await(1, "demo.ini:1: it is broken");
	start("-V");
	assert_int_equal(exit_status(), 0);
	start("-x");
	assert_int_equal(exit_status(), 2);
	await(1, "usage: demo");
}

static void
stops_at_once_on_quit_and_on_a_second_term(void **state)
{
	(void)state;
	start_and_await("hang-worker");
	kill(daemon_pid, SIGQUIT);
	assert_int_equal(exit_status(), 0);
	await_end(pid_of("worker 1 gen 1"));

	unlink(beside(config, "log"));
	start_and_await("hang-worker");
	kill(daemon_pid, SIGTERM);
	await(1, "draining");
	kill(daemon_pid, SIGTERM);
	assert_int_equal(exit_status(), 0);
	assert_null(nth(1, "has not gone in time"));
}

static void
kills_children_that_do_not_drain(void **state)
{
	(void)state;
	start_and_await("hang-worker");
	kill(daemon_pid, SIGTERM);
	assert_int_equal(exit_status(), 0);
	await(1, "generation 1 has not gone in time");
	await_end(pid_of("worker 0 gen 1"));
}

static void
replaces_a_generation_by_a_complete_new_one(void **state)
{
	struct stat before, after;
	int fd;

	(void)state;
	start_and_await("");
	assert_int_equal(stat(beside(config, "a.sock"), &before), 0);
	/* in the queue of the socket, which stays the same */
	fd = connect_to("a.sock");
	assert_true(fd >= 0);
	configure("two-sockets");
	kill(daemon_pid, SIGHUP);
	await(1, "generation 2 serves");
	await(1, "generation 1 has gone");
	await_end(pid_of("signer 0 gen 1"));
	await_end(pid_of("worker 0 gen 1"));
	assert_int_equal(stat(beside(config, "a.sock"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 0), 0);
	close(fd);
	fd = connect_to("b.sock");
	assert_true(fd >= 0);
	close(fd);

	configure("");
	kill(daemon_pid, SIGHUP);
	await(1, "generation 3 serves");
	assert_int_equal(access(beside(config, "b.sock"), F_OK), -1);
	assert_int_equal(access(beside(config, "a.sock"), F_OK), 0);
}

static void
keeps_the_old_generation_when_the_new_one_is_bad(void **state)
{
	(void)state;
	start_and_await("");
	configure("broken");
	kill(daemon_pid, SIGHUP);
	await(1, "reload failed, generation 1 goes on: ");
	assert_contains(get("/status"), "\"result\":\"failed\"");
	assert_contains(get("/status"), "it is broken");

	configure("fail-worker two-sockets");
	kill(daemon_pid, SIGHUP);
	await(1, "generation 1 goes on: worker ");
	await(1, ": told to fail");
	await_end(pid_of("signer 0 gen 2"));
	assert_int_equal(access(beside(config, "b.sock"), F_OK), -1);
	assert_contains(get("/healthz"), "HTTP/1.1 200 OK");
	assert_true(is_alive(pid_of("worker 0 gen 1")));

	configure("");
	kill(daemon_pid, SIGHUP);
	await(1, "generation 3 serves");
	assert_contains(get("/status"), "\"result\":\"ok\",\"error\":\"\"");
}

static void
starts_another_worker_with_another_channel(void **state)
{
	(void)state;
	start_and_await("");
	await(2, "the signer answers");
	kill(pid_of("worker 1 gen 1"), SIGKILL);
	await(1, "worker 1: ended by signal 9");
	await(1, "worker 1 is back");
	await(3, "the signer answers");
	assert_contains(get("/status"), "\"restarts\":1");
}

static void
starts_another_signer_and_tells_the_workers(void **state)
{
	(void)state;
	start_and_await("");
	await(2, "the signer answers");
	kill(pid_of("signer 0 gen 1"), SIGKILL);
	await(1, "signer 0: ended by signal 9");
	await(4, "the signer answers");
	/* and a worker that comes after it is heard, too */
	kill(pid_of("worker 0 gen 1"), SIGKILL);
	await(5, "the signer answers");
}

static void
reloads_when_the_signer_does_not_fit_the_files_any_more(void **state)
{
	(void)state;
	start_and_await("");
	configure("fail-old-signer");
	kill(pid_of("signer 0 gen 1"), SIGKILL);
	await(1, "signer 0: told to fail");
	await(1, "generation 2 serves");
	await(1, "generation 1 has gone");
	assert_contains(get("/healthz"), "HTTP/1.1 200 OK");
}

static void
reports_five_crashes_in_a_row(void **state)
{
	(void)state;
	start_and_await("");
	configure("crash-worker");
	kill(pid_of("worker 0 gen 1"), SIGKILL);
	await(1, "has crashed 5 times in a row");
	/* with growing pauses in between */
	await(1, "ended by signal 9; starting another in 100 ms");
	await(1, "exited with 3; starting another in 200 ms");
	await(1, "exited with 3; starting another in 800 ms");
	kill(daemon_pid, SIGTERM);
	assert_int_equal(exit_status(), 0);
}

static void
leaves_no_child_when_it_is_killed(void **state)
{
	static const char *const words[] = { "", "drop", "hang-worker" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		start_and_await(words[i]);
		kill(daemon_pid, SIGKILL);
		waitpid(daemon_pid, NULL, 0);
		daemon_pid = 0;
		await_end(pid_of("signer 0 gen 1"));
		await_end(pid_of("worker 0 gen 1"));
		await_end(pid_of("worker 1 gen 1"));
		unlink(beside(config, "log"));
	}
}

static void
hands_fresh_log_files_on_after_usr1(void **state)
{
	char moved[256], text[256];
	pid_t worker;

	(void)state;
	start_and_await("");
	worker = pid_of("worker 0 gen 1");
	snprintf(moved, sizeof(moved), "%s", beside(config, "log.1"));
	assert_int_equal(rename(beside(config, "log"), moved), 0);
	kill(daemon_pid, SIGUSR1);
	await(1, "log files reopened");
	do {
		pause_ms(10);
		read_text(beside(config, "access.log"), text, sizeof(text));
	} while (
	    strstr(text, "fresh access log 0\nfresh access log 0") == NULL);
	/* what a child logs from now on is in the new file */
	kill(worker, SIGKILL);
	await(1, "[worker 0 gen 1] info: the signer answers");
	assert_null(nth(1, "CHILD_LOG is not for us"));
}

static void
answers_on_the_admin_socket(void **state)
{
	const char *status;

	(void)state;
	start_and_await("");
	assert_contains(get("/metrics"), "# TYPE demo_things_total counter");
	assert_contains(get("/healthz"), "HTTP/1.1 200 OK\r\n");
	assert_contains(get("/nothing"), "HTTP/1.1 404 ");
	status = get("/status");
	assert_contains(status, "\"generation\":1,\"complete\":true");
	assert_contains(status, "\"role\":\"signer\",\"index\":0");
	assert_contains(status, "\"role\":\"worker\",\"index\":1");
	assert_contains(status, "\"last_reload\":{\"result\":\"none\"");
}

static void
bounds_what_admin_clients_may_cost(void **state)
{
	char waste[5000], answer[64];
	int idle[20], fd;

	(void)state;
	start_and_await("");
	memset(waste, 'x', sizeof(waste));
	fd = connect_to("admin.sock");
	assert_int_equal(write(fd, waste, 4096), 4096);
	assert_true(read(fd, answer, sizeof(answer)) > 12);
	assert_memory_equal(answer, "HTTP/1.1 431", 12);
	close(fd);
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		idle[i] = connect_to("admin.sock");
	/* those beyond the limit see the end at once */
	assert_int_equal(read(idle[19], answer, 1), 0);
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		close(idle[i]);
	pause_ms(100);
	assert_contains(get("/healthz"), "HTTP/1.1 200 OK");
}

static void
tells_the_others_what_one_says(void **state)
{
	(void)state;
	start_and_await("tell-worker");
	await(1, "[worker 0 gen 1] info: told 41");
	await(1, "[worker 1 gen 1] info: told 40");
	assert_null(nth(1, "[worker 0 gen 1] info: told 40"));
	assert_null(nth(1, "signer 0 gen 1] info: told"));
}

static void
tells_the_last_generation_that_nobody_follows(void **state)
{
	pid_t first;
	int status;

	(void)state;
	start_and_await("");
	kill(daemon_pid, SIGHUP);
	await(1, "generation 1 has gone");
	first = daemon_pid;
	start("--takeover");
	assert_int_equal(waitpid(first, &status, 0), first);
	assert_null(nth(1, "nobody follows"));
	kill(daemon_pid, SIGTERM);
	assert_int_equal(exit_status(), 0);
	assert_non_null(nth(1, "[worker 0 gen 3] info: nobody follows"));
	assert_non_null(nth(1, "[worker 1 gen 3] info: nobody follows"));
}

static void
hands_everything_to_a_master_that_takes_over(void **state)
{
	char made[32];
	pid_t first;
	int status, fd;

	(void)state;
	start_and_await("");
	first = daemon_pid;
	snprintf(made, sizeof(made), "state of %d", (int)first);
	await(2, made);
	start("--takeover");
	await(1, "generation 2 serves");
	await(4, made);
	assert_int_equal(waitpid(first, &status, 0), first);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	await_end(pid_of("worker 0 gen 1"));
	fd = connect_to("a.sock");
	assert_true(fd >= 0);
	close(fd);
	snprintf(made, sizeof(made), "\"pid\":%d,", (int)daemon_pid);
	assert_contains(get("/status"), made);
	/* and so on, one after the other */
	first = daemon_pid;
	start("--takeover");
	await(1, "generation 3 serves");
	assert_int_equal(waitpid(first, &status, 0), first);
	kill(daemon_pid, SIGTERM);
	assert_int_equal(exit_status(), 0);
	assert_int_equal(access(beside(config, "a.sock"), F_OK), -1);
	assert_int_equal(access(beside(config, "admin.sock"), F_OK), -1);
}

static void
goes_on_when_the_one_that_takes_over_fails(void **state)
{
	pid_t first;
	int fd;

	(void)state;
	start_and_await("");
	first = daemon_pid;
	configure("fail-worker two-sockets");
	start("--takeover");
	assert_int_equal(exit_status(), 1);
	daemon_pid = first;
	await(1, "the other master has not come up");
	assert_int_equal(access(beside(config, "b.sock"), F_OK), -1);
	assert_contains(get("/healthz"), "HTTP/1.1 200 OK");
	fd = connect_to("a.sock");
	assert_true(fd >= 0);
	close(fd);
	/* it can be tried again, and reloads work again */
	configure("");
	kill(first, SIGHUP);
	await(1, "generation 3 serves");
	start("--takeover");
	await(1, "generation 4 serves");
	waitpid(first, NULL, 0);
}

static void
has_nobody_to_take_over_from(void **state)
{
	(void)state;
	configure("");
	start("--takeover");
	assert_int_equal(exit_status(), 1);
	await(1, "nobody to take over from");
	assert_int_equal(access(beside(config, "a.sock"), F_OK), -1);
}

static void
counts_reloads_and_restarts(void **state)
{
	const char *metrics;

	(void)state;
	start_and_await("");
	metrics = get("/metrics");
	assert_contains(metrics, "\ndemo_reloads_total{result=\"ok\"} 0\n");
	assert_contains(
	    metrics, "\ndemo_child_restarts_total{role=\"signer\"} 0\n");
	configure("broken");
	kill(daemon_pid, SIGHUP);
	await(1, "generation 1 goes on");
	configure("");
	kill(daemon_pid, SIGHUP);
	await(1, "generation 2 serves");
	kill(pid_of("worker 0 gen 2"), SIGKILL);
	await(1, "worker 0 is back");
	metrics = get("/metrics");
	assert_contains(metrics, "\ndemo_reloads_total{result=\"ok\"} 1\n");
	assert_contains(metrics, "\ndemo_reloads_total{result=\"failed\"} 1\n");
	assert_contains(
	    metrics, "\ndemo_child_restarts_total{role=\"worker\"} 1\n");
	assert_contains(metrics, "\ndemo_generation 2\n");
	assert_contains(metrics,
	    "\ndemo_certificate_expiry_seconds{site=\"a \\\"b\"} 4102444800\n");
}

static void
warns_of_what_expires(void **state)
{
	(void)state;
	start_and_await("expired");
	await(1, "warning: certificate of site old expired ");
	assert_null(nth(1, "certificate of site a "));
}

int
main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, with_folder, without_folder)
	const struct CMUnitTest tests[] = {
		T(serves_when_every_child_is_ready_and_drains_on_term),
		T(fails_to_start_with_a_child_that_fails),
		T(checks_and_exits_with_0_or_1),
		T(stops_at_once_on_quit_and_on_a_second_term),
		T(kills_children_that_do_not_drain),
		T(replaces_a_generation_by_a_complete_new_one),
		T(keeps_the_old_generation_when_the_new_one_is_bad),
		T(starts_another_worker_with_another_channel),
		T(starts_another_signer_and_tells_the_workers),
		T(reloads_when_the_signer_does_not_fit_the_files_any_more),
		T(reports_five_crashes_in_a_row),
		T(leaves_no_child_when_it_is_killed),
		T(hands_fresh_log_files_on_after_usr1),
		T(answers_on_the_admin_socket),
		T(bounds_what_admin_clients_may_cost),
		T(tells_the_others_what_one_says),
		T(tells_the_last_generation_that_nobody_follows),
		T(hands_everything_to_a_master_that_takes_over),
		T(goes_on_when_the_one_that_takes_over_fails),
		T(has_nobody_to_take_over_from),
		T(counts_reloads_and_restarts),
		T(warns_of_what_expires),
	};
	const char *role;

	if (child_is_child(argc, argv, &role)) {
		child_receive(&in);
		return strcmp(role, "signer") == 0 ? run_signer()
						   : run_worker();
	}
	if (strcmp(argv[0], "daemon") == 0)
		return run_daemon(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
