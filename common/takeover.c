/*
 * How a new master gets the listening sockets of the running one.  Runs in
 * both masters: asking waits, before there is a loop; giving is on the loop,
 * beside everything else.
 *
 * While both run they share the sockets, and both have workers that accept:
 * there is no moment in which nobody does.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/check.h"
#include "common/fd_pass.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/takeover.h"
#include "common/watch.h"

#define ASK_LIMIT_MS 10000
#define HEAD "takeover 1 "
#define DONE "done\n"

struct takeover_giver {
	struct watch watch;
	void (*on_end)(bool is_done, void *ctx);
	void *ctx; /* borrowed, outlives us */
};

static char error_text[512];

static int __attribute__((format(printf, 2, 3)))
fail(const char **error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error_text, sizeof(error_text), fmt, ap);
	va_end(ap);
	*error = error_text;
	return -1;
}

void
takeover_add(struct takeover_fds *t, int fd, enum takeover_kind kind)
{
	CHECK(t->n < TAKEOVER_MAX_FDS);
	t->fd[t->n] = fd;
	t->kind[t->n++] = kind;
}

/* the message ------------------------------------------------------------- */

static const char letters[] = {
	[TAKEOVER_LISTENER] = 'l',
	[TAKEOVER_MANAGERS] = 'm',
	[TAKEOVER_STATE] = 's',
};

size_t
takeover_encode(const struct takeover_fds *t, char out[TAKEOVER_MESSAGE_MAX])
{
	size_t n = sizeof(HEAD) - 1;

	memcpy(out, HEAD, n);
	for (unsigned i = 0; i < t->n; i++)
		out[n++] = letters[t->kind[i]];
	out[n++] = '\n';
	return n;
}

static bool
add_kind(struct takeover_fds *t, char letter)
{
	if (t->n == TAKEOVER_MAX_FDS)
		return false;
	for (size_t k = 0; k < ARRAY_LEN(letters); k++)
		if (letters[k] == letter) {
			t->kind[t->n++] = (enum takeover_kind)k;
			return true;
		}
	return false;
}

bool
takeover_decode(struct slice message, struct takeover_fds *t)
{
	struct slice kinds = slice_from(message, sizeof(HEAD) - 1);

	t->n = 0;
	if (!slice_starts_with(message, SLICE(HEAD)) || kinds.len == 0 ||
	    kinds.p[kinds.len - 1] != '\n')
		return false;
	for (size_t i = 0; i + 1 < kinds.len; i++)
		if (!add_kind(t, kinds.p[i]))
			return false;
	return true;
}

/* asking ------------------------------------------------------------------ */

bool
takeover_may_ask(int sock)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static int
connect_to(const char *path, const char **error)
{
	struct addr a;
	int sock;

	if (path == NULL || !addr_parse(slice_of(path), &a) ||
	    !addr_is_unix(&a))
		return fail(error,
		    "takeover: \"admin\" must be the path of a Unix socket, "
		    "the same as the running daemon has");
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return fail(error, "takeover: socket: %s", strerror(errno));
	if (connect(sock, &a.u.sa, a.len) == 0)
		return sock;
	fail(error, "takeover: nobody to take over from at %s: %s", path,
	    strerror(errno));
	close(sock);
	return -1;
}

static void
close_all(const int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
}

/* -1: *error. */
static int
receive(int sock, const char *path, struct takeover_fds *t, const char **error)
{
	char in[TAKEOVER_MESSAGE_MAX];
	struct pollfd p = { .fd = sock, .events = POLLIN };
	struct slice answer;
	unsigned n_fds;
	ssize_t n;

	if (poll(&p, 1, ASK_LIMIT_MS) <= 0)
		return fail(error, "takeover: %s does not answer", path);
	n = fd_pass_receive(
	    sock, in, sizeof(in), t->fd, TAKEOVER_MAX_FDS, &n_fds, true);
	if (n <= 0)
		return fail(error, "takeover: %s: %s", path,
		    n < 0 ? strerror(errno) : "the running daemon refuses");
	answer = (struct slice){ in, (size_t)n };
	if (takeover_decode(answer, t) && t->n == n_fds)
		return 0;
	close_all(t->fd, n_fds);
	t->n = 0;
	answer = slice_first(answer, slice_find(answer, '\n'));
	return fail(error, "takeover: %s answers: %.*s", path,
	    SLICE_FMT(slice_first(answer, slice_find(answer, '\r'))));
}

int
takeover_ask(const char *path, struct takeover_fds *t, const char **error)
{
	int sock = connect_to(path, error);

	if (sock < 0)
		return -1;
	if (!takeover_may_ask(sock))
		fail(error, "takeover: %s is another user's", path);
	else if (send(sock, TAKEOVER_REQUEST, sizeof(TAKEOVER_REQUEST) - 1,
		     MSG_NOSIGNAL) < 0)
		fail(error, "takeover: %s: %s", path, strerror(errno));
	else if (receive(sock, path, t, error) == 0)
		return sock;
	close(sock);
	return -1;
}

void
takeover_finish(int sock)
{
	bool is_told = send(sock, DONE, sizeof(DONE) - 1, MSG_NOSIGNAL) > 0;

	if (!is_told && errno == EPIPE)
		log_info("the former master has left by itself");
	else if (!is_told)
		log_error("the former master cannot be told to leave: %s",
		    strerror(errno));
	close(sock);
}

/* giving ------------------------------------------------------------------ */

static void
on_closed(struct watch *w)
{
	mem_free(container_of(w, struct takeover_giver, watch));
}

static void
on_ready(struct watch *w, unsigned events)
{
	struct takeover_giver *g =
	    container_of(w, struct takeover_giver, watch);
	char in[sizeof(DONE)];
	ssize_t n = recv(w->fd, in, sizeof(in), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	watch_want(w, 0);
	g->on_end(
	    n == sizeof(DONE) - 1 && memcmp(in, DONE, (size_t)n) == 0, g->ctx);
}

struct takeover_giver *
takeover_give(uv_loop_t *loop, int sock, const struct takeover_fds *t,
    void (*on_end)(bool is_done, void *ctx), void *ctx, const char **error)
{
	struct takeover_giver *g = mem_try(sizeof(*g));
	char out[TAKEOVER_MESSAGE_MAX];
	struct slice message = { out, takeover_encode(t, out) };

	if (g == NULL || !fd_pass_send(sock, message, t->fd, t->n) ||
	    !watch_open(&g->watch, loop, sock, on_ready)) {
		fail(error, "takeover: %s", strerror(errno));
		close(sock);
		mem_free(g);
		return NULL;
	}
	g->on_end = on_end;
	g->ctx = ctx;
	watch_want(&g->watch, WATCH_READ);
	return g;
}

void
takeover_giver_close(struct takeover_giver *g)
{
	if (g != NULL)
		watch_close(&g->watch, on_closed);
}
