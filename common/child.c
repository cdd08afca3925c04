/*
 * A child's side of its life.  Runs in each child; there is one control
 * socket per process, so its state is kept in this file.
 *
 * The master's death shows as the end of that socket.  Until privdrop() has
 * asked the kernel for SIGKILL in that case, child_receive() and
 * child_ready() notice it, so no moment is left in which a child could live
 * on alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/check.h"
#include "common/child.h"
#include "common/child_wire.h"
#include "common/fd_pass.h"
#include "common/watch.h"

static struct {
	char daemon[16];
	struct watch control;
	void (*on_order)(const struct child_order *o, void *ctx);
	void *ctx; /* borrowed from the caller of child_attach() */
} self;

bool
child_is_child(int argc, char **argv, const char **role)
{
	int type = 0;
	socklen_t len = sizeof(type);
	const char *colon;

	if (argc != 1 || (colon = strstr(argv[0], ": ")) == NULL)
		return false;
	if (getsockopt(CHILD_CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &len) <
		0 ||
	    type != SOCK_SEQPACKET)
		return false;
	snprintf(self.daemon, sizeof(self.daemon), "%.*s",
	    (int)(colon - argv[0]), argv[0]);
	*role = colon + 2;
	return true;
}

/*
 * Signals that reach the whole process group are the master's business; it
 * tells its children in the right order.
 */
static void
ignore_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM,
		SIGUSR1, SIGUSR2, SIGPIPE };

	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
}

/*
 * Who is woken up does not interrupt who has woken it: on a busy core worker
 * and worker, worker and signer would change places for each request, and not
 * find enough to do.  What an administrator has chosen stays.
 */
static void
run_in_batches(void)
{
	const struct sched_param none = { 0 };

	if (sched_getscheduler(0) == SCHED_OTHER)
		(void)sched_setscheduler(0, SCHED_BATCH, &none);
}

static void
start_log(const struct inheritance *in)
{
	char name[48];

	snprintf(name, sizeof(name), "%s %u gen %u", in->role, in->index,
	    in->generation);
	log_init(self.daemon, in->log_kind,
	    in->log_fd >= 0 ? in->log_fd : STDERR_FILENO, in->log_level);
	log_set_process(name);
}

void
child_receive(struct inheritance *in)
{
	static char message[CHILD_WIRE_MAX];
	int fds[CHILD_WIRE_MAX_FDS];
	unsigned n_fds;
	ssize_t n;

	tzset(); /* the root directory may soon be another */
	close_range(CHILD_CONTROL_FD + 1, ~0U, 0);
	fcntl(CHILD_CONTROL_FD, F_SETFD, FD_CLOEXEC);
	ignore_signals();
	run_in_batches();
	n = fd_pass_receive(CHILD_CONTROL_FD, message, sizeof(message), fds,
	    CHILD_WIRE_MAX_FDS, &n_fds, true);
	if (n <= 0)
		_exit(0);
	if (!child_wire_get_inheritance(
		(struct slice){ message, (size_t)n }, fds, n_fds, in))
		child_fail("this binary does not fit the running master: "
			   "restart the daemon");
	start_log(in);
}

static bool
send_report(enum child_report what, struct slice text)
{
	char out[CHILD_WIRE_MAX];
	size_t len_bytes = child_wire_put_report(what, text, out);

	return fd_pass_send(
	    CHILD_CONTROL_FD, (struct slice){ out, len_bytes }, NULL, 0);
}

static void
report(enum child_report what, struct slice text)
{
	if (!send_report(what, text))
		_exit(0);
}

bool
child_tell(uint64_t value)
{
	char bytes[8];

	put_be64(bytes, value);
	return send_report(
	    CHILD_REPORT_TELL, (struct slice){ bytes, sizeof(bytes) });
}

void
child_ask_peer(void)
{
	(void)send_report(CHILD_REPORT_PEER, SLICE_NONE);
}

void
child_ready(void)
{
	report(CHILD_REPORT_READY, SLICE_NONE);
}

_Noreturn void
child_fail(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	report(CHILD_REPORT_FAILED, slice_of(text));
	exit(1);
}

struct bundle *
child_take_bundle(const struct inheritance *in)
{
	struct bundle *b = bundle_open(in->bundle_fd);

	if (b == NULL)
		child_fail("the configuration did not arrive");
	return b;
}

void
child_check_config(struct conf_faults *f)
{
	const char *error = conf_fault_text(f, conf_first_error(f));

	if (error != NULL)
		child_fail("%s", error);
	conf_faults_free(f);
}

/* One message, whatever it is; the end of the socket is our end. */
static struct child_order
receive_order(void)
{
	struct child_order o = { CHILD_NOTHING, 0, -1 };
	char message[CHILD_WIRE_ORDER_BYTES + 1];
	unsigned n_fds;
	int fd = -1;
	ssize_t n = fd_pass_receive(
	    CHILD_CONTROL_FD, message, sizeof(message), &fd, 1, &n_fds, false);

	if (n < 0 && errno == EAGAIN)
		return o;
	if (n <= 0)
		_exit(0);
	CHECK(child_wire_get_order((struct slice){ message, (size_t)n }, &o));
	o.fd = n_fds > 0 ? fd : -1;
	return o;
}

struct child_order
child_next(void)
{
	for (;;) {
		struct child_order o = receive_order();

		if (o.what != CHILD_LOG)
			return o;
		if (o.fd >= 0)
			log_reopen(o.fd);
	}
}

static void
on_control_ready(struct watch *w, unsigned events)
{
	(void)w;
	(void)events;
	for (;;) {
		struct child_order o = child_next();

		if (o.what == CHILD_NOTHING)
			return;
		self.on_order(&o, self.ctx);
	}
}

void
child_attach(uv_loop_t *loop,
    void (*on_order)(const struct child_order *o, void *ctx), void *ctx)
{
	self.on_order = on_order;
	self.ctx = ctx;
	if (!watch_open(
		&self.control, loop, CHILD_CONTROL_FD, on_control_ready))
		child_fail("cannot watch the master");
	watch_want(&self.control, WATCH_READ);
}
