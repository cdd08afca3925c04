/*
 * A small daemon to try the supervisor out: the test program executed anew as
 * master ("daemon"), which executes it anew as "demo: signer" and "demo:
 * worker".  Its configuration is a list of words that say how it shall behave:
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
#ifndef TESTS_UNIT_COMMON_DEMO_DAEMON_H
#define TESTS_UNIT_COMMON_DEMO_DAEMON_H

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "common/child.h"
#include "common/master.h"
#include "common/mem.h"
#include "common/privdrop.h"
#include "common/watch.h"

#define DRAIN_MS 300

/* the children ------------------------------------------------------------ */

static struct inheritance in;
static struct watch *channel; /* a worker's, to the signer */
static bool hangs;

static inline void
read_text(const char *path, char *out, size_t room_bytes)
{
	FILE *f = fopen(path, "r");
	size_t n = f != NULL ? fread(out, 1, room_bytes - 1, f) : 0;

	out[n] = '\0';
	if (f != NULL)
		fclose(f);
}

static inline bool
is_told(const char *config, const char *word)
{
	char text[512];

	read_text(config, text, sizeof(text));
	return strstr(text, word) != NULL;
}

static inline void
become_ready(void)
{
	const struct privdrop p = { geteuid() == 0 ? "nobody" : NULL, NULL };
	const char *error;

	if (is_told(in.config, "drop") && !privdrop(&p, &error))
		child_fail("%s", error);
	log_info("pid %d up", (int)getpid());
	child_ready();
}

static inline void
obey(const struct child_order *o)
{
	if (o->what == CHILD_DRAIN && !hangs)
		exit(0);
	if (o->what == CHILD_STOP)
		exit(0);
}

/* Answers each byte of a worker with the same byte. */
static inline int
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

static inline void
on_channel_closed(struct watch *w)
{
	mem_free(w);
}

static inline void
on_channel(struct watch *w, unsigned events)
{
	char byte;

	(void)events;
	if (recv(w->fd, &byte, 1, MSG_DONTWAIT) == 1)
		log_info("the signer answers");
	else
		watch_want(w, 0);
}

static inline void
talk_to_signer(uv_loop_t *loop, int fd)
{
	if (channel != NULL)
		watch_close(channel, on_channel_closed);
	channel = mem_need(sizeof(*channel));
	CHECK(watch_open(channel, loop, fd, on_channel));
	watch_want(channel, WATCH_READ);
	send(fd, "x", 1, MSG_NOSIGNAL);
}

static inline void
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
static inline void
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

static inline void
tell_state(void)
{
	const uint64_t *maker =
	    state_page_map("demo", &state_desc, in.state_fd);

	CHECK(maker != NULL);
	log_info("state of %d", (int)*maker);
}

static inline int
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

static inline char *
beside(const char *config, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%.*s/%s",
	    (int)(strrchr(config, '/') - config), config, name);
	return path;
}

static inline void
add_socket(struct plan *p, const char *path)
{
	struct addr a;

	CHECK(addr_parse(slice_of(path), &a));
	plan_add_listen(p, &a, (uid_t)-1, (gid_t)-1);
}

static inline void
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
	plan_add_expiry(p, PLAN_CERTIFICATE, "a \"b", INT64_C(4102444800));
	plan_add_expiry(p, PLAN_CRL, "a", INT64_C(4102444801));
	if (is_told(path, "expired"))
		plan_add_expiry(p, PLAN_CERTIFICATE, "old", 1000000000);
	p->log = mem_need_strdup(beside(path, "log"));
	p->log_level = LOG_LEVEL_INFO;
	p->admin = mem_need_strdup(beside(path, "admin.sock"));
	p->drain_timeout_ms = DRAIN_MS;
	p->keep_ms = DRAIN_MS;
}

static inline int
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

/* Whether this process is one of the daemon's; then *status is its end. */
static inline bool
is_demo_daemon(int argc, char **argv, int *status)
{
	const char *role;

	if (child_is_child(argc, argv, &role)) {
		child_receive(&in);
		*status =
		    strcmp(role, "signer") == 0 ? run_signer() : run_worker();
		return true;
	}
	if (strcmp(argv[0], "daemon") != 0)
		return false;
	*status = run_daemon(argc, argv);
	return true;
}

#endif
