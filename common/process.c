/*
 * One child as its master sees it.  Runs in the master.
 *
 * The end of a process has two signs, its exit status and the end of its
 * control socket, in any order; both handles must be closed before the place
 * can be filled again, and the owner hears of it after that, once.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/check.h"
#include "common/child_wire.h"
#include "common/clock.h"
#include "common/fd_pass.h"
#include "common/process.h"

#define START_LIMIT_MS 30000 /* a child that is not ready by then is killed */
#define STOP_LIMIT_MS 1000
#define RESTART_MIN_MS 100
#define RESTART_MAX_MS 10000
/* A life of this length makes up for the delays, and of that for all. */
#define SHORT_LIFE_MS 1000
#define LIFE_MS 10000
/* What a child has to say in a second, generously, and in one go. */
#define REPORTS_PER_S 20
#define REPORTS_AT_ONCE 64

static void end(struct process *p);

static void
on_deadline(struct deadline *d)
{
	struct process *p = container_of(d, struct process, deadline);

	if (p->state == PROCESS_VACANT) {
		p->events->on_restart(p);
		return;
	}
	if (p->n_open == 0) {
		end(p);
		return;
	}
	if (p->state == PROCESS_STARTING)
		snprintf(p->ending, sizeof(p->ending),
		    "was not ready after %d s", START_LIMIT_MS / 1000);
	process_kill(p);
}

void
process_init(struct process *p, const struct process_home *home,
    const struct process_events *events, void *owner)
{
	memset(p, 0, sizeof(*p));
	p->home = home;
	p->events = events;
	p->owner = owner;
	p->slot = -1;
	p->channel_fd = -1;
	deadline_init(&p->deadline, home->wheel, on_deadline);
}

void
process_fini(struct process *p)
{
	CHECK(p->state == PROCESS_VACANT && p->n_open == 0);
	deadline_fini(&p->deadline);
	if (p->channel_fd >= 0)
		close(p->channel_fd);
	p->channel_fd = -1;
}

static void
count_crash(struct process *p)
{
	uint64_t life_ms = clock_monotonic_ms() - p->started_ms;

	if (life_ms >= LIFE_MS)
		p->crashes_in_row = 0;
	if (life_ms >= SHORT_LIFE_MS)
		p->delay_ms = 0;
	p->crashes_in_row++;
	p->delay_ms = p->delay_ms == 0 ? RESTART_MIN_MS : p->delay_ms * 2;
	if (p->delay_ms > RESTART_MAX_MS)
		p->delay_ms = RESTART_MAX_MS;
}

/* The place is free. */
static void
end(struct process *p)
{
	p->state = PROCESS_VACANT;
	p->pid = 0;
	count_crash(p);
	p->events->on_end(p);
}

static void
note_closed(struct process *p)
{
	if (--p->n_open == 0)
		end(p);
}

static void
on_handle_closed(uv_handle_t *h)
{
	note_closed(h->data);
}

static void
on_control_closed(struct watch *w)
{
	note_closed(container_of(w, struct process, control));
}

/*
 * One that has been broken into could keep the master busy with this socket,
 * fill the log, and through new channels and hearsay reach the others.
 */
static bool
is_too_talkative(struct process *p)
{
	uint64_t now_ms = uv_now(p->home->loop);

	if (now_ms - p->reports_since_ms >= 1000) {
		p->reports_since_ms = now_ms;
		p->n_reports = 0;
	}
	p->n_reports++;
	if (p->n_reports == REPORTS_PER_S + 1)
		log_warning("%s %u reports too much, it is not listened to for "
			    "a second",
		    p->role, p->index);
	return p->n_reports > REPORTS_PER_S;
}

static void
take_report(struct process *p, struct slice message)
{
	enum child_report report;
	struct slice text;

	if (is_too_talkative(p) ||
	    !child_wire_get_report(message, &report, &text))
		return;
	switch (report) {
	case CHILD_REPORT_READY:
		if (p->state != PROCESS_STARTING)
			return;
		p->state = PROCESS_READY;
		deadline_clear(&p->deadline);
		p->events->on_ready(p);
		return;
	case CHILD_REPORT_FAILED:
		p->has_failed = true;
		snprintf(p->ending, sizeof(p->ending), "%.*s", SLICE_FMT(text));
		return;
	case CHILD_REPORT_PEER:
		p->events->on_peer_broken(p);
		return;
	case CHILD_REPORT_TELL:
		p->events->on_tell(p, be64(text.p));
		return;
	}
}

/* What is there, if it is not endless; false at the end of the socket. */
static bool
read_reports(struct process *p)
{
	char message[CHILD_WIRE_MAX];

	for (unsigned i = 0; i < REPORTS_AT_ONCE; i++) {
		unsigned n_fds;
		ssize_t n = fd_pass_receive(p->control.fd, message,
		    sizeof(message), NULL, 0, &n_fds, false);

		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		take_report(p, (struct slice){ message, (size_t)n });
	}
	return true;
}

static void
on_control_ready(struct watch *w, unsigned events)
{
	struct process *p = container_of(w, struct process, control);

	(void)events;
	if (read_reports(p))
		return;
	/* on its way out, or it has closed its socket and must go */
	watch_want(w, 0);
	deadline_set(&p->deadline, STOP_LIMIT_MS);
}

static void
on_exit(uv_process_t *h, int64_t status, int signum)
{
	struct process *p = h->data;

	/* its last words may still be in the socket */
	(void)read_reports(p);
	if (p->ending[0] == '\0' && signum != 0)
		snprintf(
		    p->ending, sizeof(p->ending), "ended by signal %d", signum);
	else if (p->ending[0] == '\0')
		snprintf(p->ending, sizeof(p->ending), "exited with %d",
		    (int)status);
	deadline_clear(&p->deadline);
	uv_close((uv_handle_t *)h, on_handle_closed);
	watch_close(&p->control, on_control_closed);
}

/* Standard error stays; the control socket becomes CHILD_CONTROL_FD. */
static int
spawn(struct process *p, int child_end)
{
	char title[48];
	char *argv[] = { title, NULL };
	uv_stdio_container_t stdio[CHILD_CONTROL_FD + 1] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
		{ .flags = UV_INHERIT_FD, .data.fd = child_end },
	};
	uv_process_options_t options = {
		.exit_cb = on_exit,
		.file = p->home->executable,
		.args = argv,
		.stdio = stdio,
		.stdio_count = ARRAY_LEN(stdio),
	};

	snprintf(title, sizeof(title), "%s: %s", p->home->daemon, p->role);
	p->handle.data = p;
	return uv_spawn(p->home->loop, &p->handle, &options);
}

static bool
send_inheritance(struct process *p, const struct inheritance *in)
{
	char message[CHILD_WIRE_MAX];
	int fds[CHILD_WIRE_MAX_FDS];
	unsigned n_fds;
	size_t n = child_wire_put_inheritance(in, message, fds, &n_fds);

	return fd_pass_send(
	    p->control.fd, (struct slice){ message, n }, fds, n_fds);
}

static void __attribute__((format(printf, 2, 3)))
note_failure(struct process *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->ending, sizeof(p->ending), fmt, ap);
	va_end(ap);
	p->has_failed = true;
}

/* uv_spawn() has made a handle even when it fails: close it all the same. */
static void
start_on_socket(struct process *p, const struct inheritance *in, int child_end)
{
	int rc = spawn(p, child_end);

	if (rc < 0) {
		note_failure(p, "cannot start %s: %s", p->home->executable,
		    uv_strerror(rc));
		uv_close((uv_handle_t *)&p->handle, on_handle_closed);
		watch_close(&p->control, on_control_closed);
		return;
	}
	p->pid = uv_process_get_pid(&p->handle);
	watch_want(&p->control, WATCH_READ);
	deadline_set(&p->deadline, START_LIMIT_MS);
	if (!send_inheritance(p, in)) {
		note_failure(
		    p, "does not take its inheritance: %s", strerror(errno));
		process_kill(p);
	}
}

static void
begin(struct process *p)
{
	CHECK(p->state == PROCESS_VACANT && p->n_open == 0);
	p->state = PROCESS_STARTING;
	p->ending[0] = '\0';
	p->has_failed = false;
	p->started_ms = clock_monotonic_ms();
}

void
process_fail_start(struct process *p, const char *why)
{
	begin(p);
	note_failure(p, "cannot be started: %s", why);
	/* there is nothing to wait for: the deadline reports it */
	deadline_set(&p->deadline, 1);
}

void
process_start(struct process *p, const struct inheritance *in)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		process_fail_start(p, strerror(errno));
		return;
	}
	begin(p);
	CHECK(
	    watch_open(&p->control, p->home->loop, pair[0], on_control_ready));
	p->n_open = 2;
	start_on_socket(p, in, pair[1]);
	close(pair[1]);
}

void
process_restart_later(struct process *p)
{
	CHECK(p->state == PROCESS_VACANT);
	p->restarts++;
	deadline_set(&p->deadline, p->delay_ms);
}

bool
process_is_running(const struct process *p)
{
	return p->n_open == 2 && p->pid > 0 && watch_is_open(&p->control);
}

void
process_kill(struct process *p)
{
	if (process_is_running(p))
		uv_process_kill(&p->handle, SIGKILL);
}

void
process_order(
    struct process *p, enum child_message what, uint64_t value, int fd)
{
	char message[CHILD_WIRE_ORDER_BYTES];

	if (!process_is_running(p))
		return;
	child_wire_put_order(what, value, message);
	if (fd_pass_send(p->control.fd,
		(struct slice){ message, sizeof(message) }, &fd,
		fd >= 0 ? 1 : 0) ||
	    errno == EPIPE) /* it is on its way out */
		return;
	snprintf(p->ending, sizeof(p->ending), "takes no orders: %s",
	    strerror(errno));
	process_kill(p);
}

void
process_drain(struct process *p, uint64_t drain_ms)
{
	switch (p->state) {
	case PROCESS_VACANT:
		deadline_clear(&p->deadline);
		break;
	case PROCESS_STARTING:
		process_kill(p);
		break;
	case PROCESS_READY:
		p->state = PROCESS_DRAINING;
		process_order(p, CHILD_DRAIN, drain_ms, -1);
		break;
	case PROCESS_DRAINING:
		break;
	}
}

void
process_stop(struct process *p)
{
	if (p->state == PROCESS_VACANT || p->state == PROCESS_STARTING) {
		process_drain(p, 0);
		return;
	}
	p->state = PROCESS_DRAINING;
	process_order(p, CHILD_STOP, 0, -1);
	deadline_set(&p->deadline, STOP_LIMIT_MS);
}

const char *
process_state_name(enum process_state state)
{
	switch (state) {
	case PROCESS_VACANT:
		return "waiting";
	case PROCESS_STARTING:
		return "starting";
	case PROCESS_READY:
		return "ready";
	case PROCESS_DRAINING:
		return "draining";
	}
	return "unknown";
}
