/*
 * The benchmark's origin server: one thread, edge-triggered epoll, plain
 * HTTP/1.1 with keep-alive on 127.0.0.1.  As cheap as it can be, so that the
 * proxy in front is what fills its core.
 *
 *	HEAD -> BODY or CHUNKS -> ANSWER -> HEAD
 *
 * GET /1k /64k /1m /10m: a body of that length.  /chunked: 20 KiB in three
 * chunks, each a send of its own, as a servlet container flushes them.  Any
 * other request is answered with two bytes.  Request bodies are counted and
 * thrown away.  GET /stats: the counters as JSON.
 *
 *	origin PORT
 */
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/chunked.h"

#define IN_BYTES 32768
#define MAX_STOPS 4
#define SENDFILE_FROM 32768 /* bodies above this leave by sendfile */

struct answer {
	const char *path;
	size_t body_bytes;
	bool is_chunked;
	size_t stop[MAX_STOPS]; /* a send ends here; the last is the length */
	size_t n_stops;
	char *bytes; /* owned, or NULL and in fd */
	int fd;
};

static struct answer answers[] = { { .path = "/1k", .body_bytes = 1024 },
	{ .path = "/64k", .body_bytes = 65536 },
	{ .path = "/1m", .body_bytes = 1048576 },
	{ .path = "/10m", .body_bytes = 10485760 },
	{ .path = "/chunked", .body_bytes = 20480, .is_chunked = true },
	{ .path = "/ok", .body_bytes = 2 } };

#define N_ANSWERS (sizeof(answers) / sizeof(answers[0]))

enum state {
	HEAD,
	BODY,
	CHUNKS,
	ANSWER
};

struct conn {
	int fd;
	enum state state;
	bool is_last;        /* close after the answer */
	bool has_ended;      /* the kernel has seen the peer's end */
	bool is_drained;     /* the next recv() would only find EAGAIN */
	uint64_t left_bytes; /* of the request's body */
	struct chunked chunks;
	const struct answer *answer;
	struct answer stats; /* filled for GET /stats */
	size_t sent_bytes, stop;
	size_t in_bytes;
	char in[IN_BYTES];
};

static uint64_t n_accepted, n_requests;

/* answers ----------------------------------------------------------------- */

static const char head_format[] = "HTTP/1.1 200 OK\r\n"
				  "Server: origin\r\n"
				  "Date: Mon, 23 Nov 2026 06:00:00 GMT\r\n"
				  "Content-Type: application/octet-stream\r\n"
				  "Last-Modified: Mon, 23 Nov 2026 05:00:00 GMT"
				  "\r\n"
				  "ETag: \"65a1\"\r\n";

static void
put_body(FILE *out, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		fputc('a' + (int)((i * 7 + i / 251) % 26), out);
}

static void
put_stop(FILE *out, struct answer *a)
{
	fflush(out);
	a->stop[a->n_stops++] = (size_t)ftell(out);
}

static void
put_chunks(FILE *out, struct answer *a)
{
	const size_t chunk_bytes = 8192;

	fputs("Transfer-Encoding: chunked\r\n\r\n", out);
	for (size_t at = 0; at < a->body_bytes;) {
		size_t end = at + chunk_bytes;

		if (end > a->body_bytes)
			end = a->body_bytes;
		fprintf(out, "%zx\r\n", end - at);
		put_body(out, at, end);
		fputs("\r\n", out);
		if (end == a->body_bytes)
			fputs("0\r\n\r\n", out);
		put_stop(out, a);
		at = end;
	}
}

static void
to_file(struct answer *a)
{
	size_t len_bytes = a->stop[a->n_stops - 1], at = 0;
	ssize_t n;

	a->fd = memfd_create("answer", MFD_CLOEXEC);
	if (a->fd < 0)
		err(1, "memfd_create");
	while (at < len_bytes) {
		n = write(a->fd, a->bytes + at, len_bytes - at);
		if (n <= 0)
			err(1, "memfd");
		at += (size_t)n;
	}
	free(a->bytes);
	a->bytes = NULL;
}

static void
make_answer(struct answer *a)
{
	size_t len_bytes;
	FILE *out = open_memstream(&a->bytes, &len_bytes);

	if (out == NULL)
		err(1, "memory");
	fputs(head_format, out);
	if (a->is_chunked) {
		put_chunks(out, a);
	} else {
		fprintf(out, "Content-Length: %zu\r\n\r\n", a->body_bytes);
		put_body(out, 0, a->body_bytes);
		put_stop(out, a);
	}
	fclose(out);
	if (!a->is_chunked && a->body_bytes > SENDFILE_FROM)
		to_file(a);
}

static void
make_stats(struct answer *a)
{
	char body[128];
	int n = snprintf(body, sizeof(body),
	    "{\"accepted\": %llu, \"requests\": %llu}",
	    (unsigned long long)n_accepted, (unsigned long long)n_requests);

	free(a->bytes);
	a->bytes = NULL;
	n = asprintf(&a->bytes,
	    "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, body);
	if (n < 0)
		err(1, "memory");
	a->stop[0] = (size_t)n;
	a->n_stops = 1;
}

static const struct answer *
find_answer(const char *path, size_t len_bytes)
{
	size_t i;

	for (i = 0; i < N_ANSWERS - 1; i++)
		if (strlen(answers[i].path) == len_bytes &&
		    memcmp(answers[i].path, path, len_bytes) == 0)
			break;
	return &answers[i];
}

/* requests ---------------------------------------------------------------- */

static bool
starts_with(const char *p, const char *word)
{
	return strncasecmp(p, word, strlen(word)) == 0;
}

/* The head ends with a NUL. */
static bool
parse_fields(struct conn *c, const char *head)
{
	bool is_chunked = false;

	for (const char *p = strstr(head, "\r\n"); p != NULL;
	     p = strstr(p, "\r\n")) {
		p += 2;
		if (starts_with(p, "content-length:"))
			c->left_bytes = strtoull(p + 15, NULL, 10);
		else if (starts_with(p, "transfer-encoding: chunked"))
			is_chunked = true;
		else if (starts_with(p, "connection: close"))
			c->is_last = true;
	}
	return is_chunked;
}

static void
choose_answer(struct conn *c, const char *path, size_t len_bytes, bool is_get)
{
	c->sent_bytes = c->stop = 0;
	if (is_get && len_bytes == 6 && memcmp(path, "/stats", 6) == 0) {
		make_stats(&c->stats);
		c->answer = &c->stats;
		return;
	}
	n_requests++;
	c->answer = find_answer(is_get ? path : "", is_get ? len_bytes : 0);
}

static void
consume(struct conn *c, size_t len_bytes)
{
	c->in_bytes -= len_bytes;
	memmove(c->in, c->in + len_bytes, c->in_bytes);
}

/* False when it is none, or too large. */
static bool
take_head(struct conn *c)
{
	char *end = memmem(c->in, c->in_bytes, "\r\n\r\n", 4);
	char *path, *path_end;
	bool is_chunked;

	if (end == NULL)
		return c->in_bytes < sizeof(c->in);
	end[2] = '\0';
	path = strchr(c->in, ' ');
	path_end = path == NULL ? NULL : strchr(path + 1, ' ');
	if (path_end == NULL)
		return false;
	c->left_bytes = 0;
	c->chunks = (struct chunked){ 0 };
	is_chunked = parse_fields(c, c->in);
	choose_answer(c, path + 1, (size_t)(path_end - path - 1),
	    starts_with(c->in, "GET "));
	consume(c, (size_t)(end - c->in) + 4);
	c->state = is_chunked ? CHUNKS : c->left_bytes > 0 ? BODY : ANSWER;
	return true;
}

static void
take_body(struct conn *c)
{
	size_t n = c->in_bytes;

	if (n > c->left_bytes)
		n = (size_t)c->left_bytes;
	consume(c, n);
	c->left_bytes -= n;
	if (c->left_bytes == 0)
		c->state = ANSWER;
}

static void
take_chunks(struct conn *c)
{
	consume(c, chunked_eat(&c->chunks, c->in, c->in_bytes));
	if (c->chunks.state == CHUNKED_DONE)
		c->state = ANSWER;
}

/* connections ------------------------------------------------------------- */

static void
conn_close(struct conn *c)
{
	close(c->fd);
	free(c->stats.bytes);
	free(c);
}

static ssize_t
send_some(struct conn *c)
{
	const struct answer *a = c->answer;
	size_t left_bytes = a->stop[c->stop] - c->sent_bytes;
	off_t at = (off_t)c->sent_bytes;

	if (a->bytes == NULL)
		return sendfile(c->fd, a->fd, &at, left_bytes);
	return send(c->fd, a->bytes + c->sent_bytes, left_bytes, MSG_NOSIGNAL);
}

/* 1: the whole answer is out; 0: the socket is full; -1: it is broken. */
static int
send_answer(struct conn *c)
{
	while (c->stop < c->answer->n_stops) {
		ssize_t n = send_some(c);

		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		c->sent_bytes += (size_t)n;
		if (c->sent_bytes == c->answer->stop[c->stop])
			c->stop++;
	}
	c->state = HEAD;
	return c->is_last ? -1 : 1;
}

/* A body of known length is dropped in the kernel, not copied. */
static ssize_t
receive(struct conn *c)
{
	bool drops = c->state == BODY && c->in_bytes == 0;
	size_t wanted =
	    drops ? (size_t)c->left_bytes : sizeof(c->in) - c->in_bytes;
	ssize_t n = recv(c->fd, drops ? NULL : c->in + c->in_bytes, wanted,
	    drops ? MSG_TRUNC : 0);

	if (n <= 0)
		return n;
	c->is_drained = (size_t)n < wanted && !c->has_ended;
	if (!drops) {
		c->in_bytes += (size_t)n;
		return n;
	}
	c->left_bytes -= (uint64_t)n;
	if (c->left_bytes == 0)
		c->state = ANSWER;
	return n;
}

/* False: this connection is over. */
static bool
digest(struct conn *c)
{
	enum state before;

	do {
		before = c->state;
		switch (c->state) {
		case HEAD:
			if (c->in_bytes > 0 && !take_head(c))
				return false;
			break;
		case BODY:
			take_body(c);
			break;
		case CHUNKS:
			take_chunks(c);
			break;
		case ANSWER:
			if (send_answer(c) < 0)
				return false;
			break;
		}
	} while (c->state != before);
	return true;
}

static bool
is_blocked(ssize_t result)
{
	return result < 0 && (errno == EAGAIN || errno == EINTR);
}

static void
conn_advance(struct conn *c, uint32_t events)
{
	ssize_t n;

	c->has_ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	c->is_drained = false;
	while (digest(c)) {
		/* a full socket or an empty one: the edge will come */
		if (c->state == ANSWER || c->is_drained)
			return;
		n = receive(c);
		if (is_blocked(n))
			return;
		if (n <= 0)
			break;
	}
	conn_close(c);
}

static void
accept_all(int listener, int epoll_fd)
{
	static const int on = 1;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct conn *c = malloc(sizeof(*c));
		struct epoll_event e = { .events = EPOLLIN | EPOLLOUT |
						   EPOLLRDHUP | EPOLLET,
			.data.ptr = c };

		if (c == NULL)
			err(1, "memory");
		/* not the input: untouched pages cost nothing */
		memset(c, 0, offsetof(struct conn, in));
		c->fd = fd;
		n_accepted++;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
			conn_close(c);
	}
}

static int
listen_at(int port)
{
	static const int on = 1;
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(fd, 4096) < 0)
		err(1, "127.0.0.1:%d", port);
	return fd;
}

int
main(int argc, char **argv)
{
	int listener, epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN }, events[256];

	if (argc != 2)
		errx(2, "usage: origin PORT");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN); /* sendfile() has no MSG_NOSIGNAL */
	for (size_t i = 0; i < N_ANSWERS; i++)
		make_answer(&answers[i]);
	listener = listen_at(atoi(argv[1]));
	if (epoll_fd < 0 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e) < 0)
		err(1, "epoll");
	for (;;) {
		int n = epoll_wait(epoll_fd, events, 256, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == NULL)
				accept_all(listener, epoll_fd);
			else
				conn_advance(
				    events[i].data.ptr, events[i].events);
		}
	}
}
