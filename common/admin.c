/*
 * The admin socket.  Runs in the master.
 *
 *	READ -> WRITE -> LINGER -> closed
 *	   |                          ^
 *	   +---> GIVEN ---------------+
 *
 *	READ    until the empty line, at most REQUEST_MAX bytes
 *	WRITE   the answer is made and being written
 *	LINGER  our side has ended; the client's end is awaited, so that the
 *	        answer is not lost in a reset
 *	GIVEN   another master has asked to take over: a duplicate lives on
 *
 * One deadline for all of it.  A connection beyond the limit is closed at
 * once: the master has better things to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/admin.h"
#include "common/admin_request.h"
#include "common/check.h"
#include "common/listen.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/takeover.h"
#include "common/watch.h"

#define CONNECTIONS_MAX 16
#define REQUEST_MAX 4096 /* bytes */
#define TIME_MAX_MS 10000
#define REST_MS 200 /* when no descriptor is left */

enum conn_state {
	CONN_READ,
	CONN_WRITE,
	CONN_LINGER,
	CONN_GIVEN,
	CONN_CLOSING,
};

struct conn {
	LIST_ENTRY(conn) entry;
	struct admin *admin; /* borrowed; waits for us */
	enum conn_state state;
	struct watch watch;
	struct deadline deadline;
	char request[REQUEST_MAX];
	size_t n_request;
	char *out; /* owned */
	size_t out_len;
	size_t out_done;
};

struct admin {
	struct deadlines *wheel; /* borrowed */
	uv_loop_t *loop;         /* borrowed */
	struct admin_user user;
	struct addr addr;
	struct watch watch;
	struct deadline rest; /* set: nobody is accepted */
	LIST_HEAD(, conn) conns;
	unsigned n_conns;
	bool has_file; /* a socket file of our own */
	bool closing;
	bool closed; /* the listening socket's handle */
};

static void
free_if_closed(struct admin *a)
{
	if (a->closed && a->n_conns == 0)
		mem_free(a);
}

/* one connection --------------------------------------------------------- */

static void
on_conn_closed(struct watch *w)
{
	struct conn *c = container_of(w, struct conn, watch);
	struct admin *a = c->admin;

	LIST_REMOVE(c, entry);
	a->n_conns--;
	deadline_fini(&c->deadline);
	mem_free(c->out);
	mem_free(c);
	free_if_closed(a);
}

static void
close_conn(struct conn *c)
{
	if (c->state == CONN_CLOSING)
		return;
	c->state = CONN_CLOSING;
	deadline_clear(&c->deadline);
	watch_close(&c->watch, on_conn_closed);
}

static void
on_deadline(struct deadline *d)
{
	close_conn(container_of(d, struct conn, deadline));
}

static const char *
status_text(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 409:
		return "Conflict";
	case 431:
		return "Request Header Fields Too Large";
	case 503:
		return "Service Unavailable";
	}
	return "Internal Server Error";
}

/* False: memory is short. */
static bool
set_answer(struct conn *c, const struct admin_answer *a)
{
	char head[256];
	size_t len_bytes = strlen(a->body);
	int n = snprintf(head, sizeof(head),
	    "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
	    "%sCache-Control: no-store\r\nConnection: close\r\n\r\n",
	    a->status, status_text(a->status), a->type, len_bytes,
	    a->status == 405 ? "Allow: GET\r\n" : "");

	CHECK(n > 0 && (size_t)n < sizeof(head));
	c->out_len = (size_t)n + len_bytes;
	c->out = mem_try(c->out_len);
	if (c->out == NULL)
		return false;
	memcpy(c->out, head, (size_t)n);
	memcpy(c->out + n, a->body, len_bytes);
	c->state = CONN_WRITE;
	return true;
}

static bool
set_refusal(struct conn *c, unsigned status)
{
	char text[64];
	struct admin_answer a = { status, "text/plain", text };

	snprintf(text, sizeof(text), "%s\n", status_text(status));
	return set_answer(c, &a);
}

/* As the user says; memory that is short is no reason to end the master. */
static bool
set_answer_of_user(struct conn *c, struct slice path)
{
	struct admin_answer a = { 404, "text/plain", NULL };
	bool ok;

	c->admin->user.answer(path, &a, c->admin->user.ctx);
	ok = a.body != NULL && set_answer(c, &a);
	mem_free(a.body);
	if (ok)
		return true;
	log_error(
	    "admin: memory is short, no answer to GET %.*s", SLICE_FMT(path));
	return set_refusal(c, 503);
}

/* The connection is the other master's from here on. */
static bool
give_away(struct conn *c)
{
	const struct admin_user *user = &c->admin->user;
	unsigned status = 403;
	int sock;

	if (addr_is_unix(&c->admin->addr) && takeover_may_ask(c->watch.fd)) {
		sock = fcntl(c->watch.fd, F_DUPFD_CLOEXEC, 3);
		status = sock < 0 ? 503 : user->take_over(sock, user->ctx);
		if (sock >= 0 && status != 0)
			close(sock);
	}
	if (status != 0)
		return set_refusal(c, status);
	c->state = CONN_GIVEN;
	return true;
}

/* False when the connection is to be closed, as below. */
static bool
consider(struct conn *c)
{
	struct slice path;

	switch (admin_request_parse(
	    (struct slice){ c->request, c->n_request }, &path)) {
	case ADMIN_MORE:
		return c->n_request < sizeof(c->request) || set_refusal(c, 431);
	case ADMIN_BAD:
		return set_refusal(c, 400);
	case ADMIN_TAKEOVER:
		return give_away(c);
	case ADMIN_NOT_A_GET:
		return set_refusal(c, 405);
	case ADMIN_DONE:
		break;
	}
	return set_answer_of_user(c, path);
}

static bool
read_request(struct conn *c)
{
	ssize_t n = read(c->watch.fd, c->request + c->n_request,
	    sizeof(c->request) - c->n_request);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	c->n_request += (size_t)n;
	return consider(c);
}

static bool
write_answer(struct conn *c)
{
	while (c->out_done < c->out_len) {
		ssize_t n = write(c->watch.fd, c->out + c->out_done,
		    c->out_len - c->out_done);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		c->out_done += (size_t)n;
	}
	c->state = CONN_LINGER;
	return shutdown(c->watch.fd, SHUT_WR) == 0;
}

static bool
linger(struct conn *c)
{
	char waste[1024];
	ssize_t n = read(c->watch.fd, waste, sizeof(waste));

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool
step(struct conn *c)
{
	if (c->state == CONN_READ && !read_request(c))
		return false;
	if (c->state == CONN_WRITE && !write_answer(c))
		return false;
	if (c->state == CONN_LINGER && !linger(c))
		return false;
	return c->state != CONN_GIVEN;
}

static void
advance(struct conn *c)
{
	if (c->state == CONN_CLOSING)
		return;
	if (!step(c)) {
		close_conn(c);
		return;
	}
	watch_want(
	    &c->watch, c->state == CONN_WRITE ? WATCH_WRITE : WATCH_READ);
}

static void
on_conn_ready(struct watch *w, unsigned events)
{
	(void)events;
	advance(container_of(w, struct conn, watch));
}

/* the socket ------------------------------------------------------------- */

static void
add_conn(struct admin *a, int fd)
{
	struct conn *c;

	if (a->n_conns >= CONNECTIONS_MAX ||
	    (c = mem_try(sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	if (!watch_open(&c->watch, a->loop, fd, on_conn_ready)) {
		close(fd);
		mem_free(c);
		return;
	}
	c->admin = a;
	LIST_INSERT_HEAD(&a->conns, c, entry);
	a->n_conns++;
	deadline_init(&c->deadline, a->wheel, on_deadline);
	deadline_set(&c->deadline, TIME_MAX_MS);
	watch_want(&c->watch, WATCH_READ);
}

static void
on_listen_ready(struct watch *w, unsigned events)
{
	struct admin *a = container_of(w, struct admin, watch);
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd >= 0) {
		add_conn(a, fd);
		return;
	}
	/* who waits there is still there, and would wake us for ever */
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
	    errno == ENOMEM) {
		watch_want(w, 0);
		deadline_set(&a->rest, REST_MS);
	}
}

static void
on_rested(struct deadline *d)
{
	struct admin *a = container_of(d, struct admin, rest);

	watch_want(&a->watch, WATCH_READ);
}

static bool
is_allowed(const struct addr *a)
{
	return addr_is_unix(a) || addr_is_loopback(a);
}

struct admin *
admin_open(uv_loop_t *loop, struct deadlines *wheel, const char *where,
    const struct admin_user *user, const char **error)
{
	struct admin *a = mem_need(sizeof(*a));
	int fd;

	if (!addr_parse(slice_of(where), &a->addr) || !is_allowed(&a->addr)) {
		*error = "admin: a path or a loopback address with port";
		goto fail;
	}
	fd = listen_open(&a->addr, (uid_t)-1, (gid_t)-1, error);
	if (fd < 0)
		goto fail;
	a->loop = loop;
	a->wheel = wheel;
	a->user = *user;
	a->has_file = addr_is_unix(&a->addr) && !listen_is_inherited(fd);
	LIST_INIT(&a->conns);
	if (!watch_open(&a->watch, loop, fd, on_listen_ready)) {
		*error = "admin: cannot watch the socket";
		close(fd);
		goto fail;
	}
	deadline_init(&a->rest, wheel, on_rested);
	watch_want(&a->watch, WATCH_READ);
	return a;
fail:
	mem_free(a);
	return NULL;
}

bool
admin_is_at(const struct admin *a, const char *where)
{
	struct addr addr;

	return a != NULL && addr_parse(slice_of(where), &addr) &&
	       addr_eq(&a->addr, &addr);
}

int
admin_fd(const struct admin *a)
{
	return a->watch.fd;
}

void
admin_leave_file(struct admin *a)
{
	a->has_file = false;
}

static void
on_listen_closed(struct watch *w)
{
	struct admin *a = container_of(w, struct admin, watch);

	a->closed = true;
	free_if_closed(a);
}

void
admin_close(struct admin *a)
{
	struct conn *c;

	if (a == NULL || a->closing)
		return;
	a->closing = true;
	if (a->has_file && !listen_is_adopted(a->watch.fd))
		unlink(a->addr.u.un.sun_path);
	deadline_fini(&a->rest);
	watch_close(&a->watch, on_listen_closed);
	LIST_FOREACH (c, &a->conns, entry)
		close_conn(c);
}
