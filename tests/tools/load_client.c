/* See load_client.h. */
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/tools/load_client.h"

#define POST_BYTES 16384
#define TIMEOUT_S 10.0
#define PAUSE_S 0.02 /* after a failure */

static const struct load_request {
	const char *method;
	const char *path;
	size_t send_bytes;
	size_t body_bytes; /* of the answer */
} requests[] = {
	{ "GET", "/1k", 0, 1024 },
	{ "POST", "/ok", POST_BYTES, 2 },
	{ "GET", "/1k", 0, 1024 },
	{ "GET", "/64k", 0, 65536 },
};

#define N_REQUESTS (sizeof(requests) / sizeof(requests[0]))

/* The request that is being sent: made anew for each step. */
static char out[512 + POST_BYTES];
static size_t n_out;

double
load_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned
kind_of(const struct client *c)
{
	return (c->is_tls ? 1u : 0u) + (c->keeps ? 2u : 0u);
}

/* bytes ------------------------------------------------------------------- */

enum io {
	IO_AGAIN = -1,
	IO_BROKEN = -2, /* an end that is not orderly */
	IO_ENDED = 0,
};

static void
want(struct client *c, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = c };

	if (c->events == events)
		return;
	if (epoll_ctl(c->load->epoll, EPOLL_CTL_MOD, c->fd, &e) < 0)
		err(1, "epoll_ctl");
	c->events = events;
}

static ssize_t
tls_verdict(struct client *c, int ret)
{
	int e = SSL_get_error(c->ssl, ret);

	ERR_clear_error();
	if (e == SSL_ERROR_WANT_READ) {
		want(c, EPOLLIN);
		return IO_AGAIN;
	}
	if (e == SSL_ERROR_WANT_WRITE) {
		want(c, EPOLLIN | EPOLLOUT);
		return IO_AGAIN;
	}
	return e == SSL_ERROR_ZERO_RETURN ? IO_ENDED : IO_BROKEN;
}

static ssize_t
take(struct client *c, char *room, size_t room_bytes)
{
	ssize_t n;

	if (c->ssl != NULL) {
		n = SSL_read(c->ssl, room, (int)room_bytes);
		return n > 0 ? n : tls_verdict(c, (int)n);
	}
	n = recv(c->fd, room, room_bytes, 0);
	if (n >= 0)
		return n;
	if (errno != EAGAIN)
		return IO_BROKEN;
	want(c, EPOLLIN);
	return IO_AGAIN;
}

static ssize_t
give(struct client *c, const char *p, size_t len)
{
	ssize_t n;

	if (c->ssl != NULL) {
		n = SSL_write(c->ssl, p, (int)len);
		return n > 0 ? n : tls_verdict(c, (int)n);
	}
	n = send(c->fd, p, len, MSG_NOSIGNAL);
	if (n >= 0)
		return n;
	if (errno != EAGAIN)
		return IO_BROKEN;
	want(c, EPOLLIN | EPOLLOUT);
	return IO_AGAIN;
}

/* ends -------------------------------------------------------------------- */

static void
drop(struct client *c)
{
	if (c->ssl != NULL && c->state > HANDSHAKE) {
		SSL_shutdown(c->ssl);
		ERR_clear_error();
	}
	SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->n_here = 0;
	c->state = PAUSE;
	c->not_before = 0;
}

static void
fail(struct client *c, const char *what, const char *detail)
{
	double t = load_now();

	c->load->failures++;
	printf("{\"failure\": \"%s\", \"detail\": \"%s\", \"began\": %.6f, "
	       "\"ended\": %.6f, \"scheme\": \"%s\", \"keeps\": %s, "
	       "\"state\": %d, \"exchange\": %u, \"request\": \"%s %s\"}\n",
	    what, detail, c->begun, t, c->is_tls ? "https" : "http",
	    c->keeps ? "true" : "false", (int)c->state, c->n_here,
	    c->request->method, c->request->path);
	fflush(stdout);
	drop(c);
	c->not_before = t + PAUSE_S;
}

/* steps: true when there is more to do at once ----------------------------- */

static void
prepare(struct client *c)
{
	c->request = &requests[c->turn % N_REQUESTS];
	c->begun = load_now();
	c->sent = 0;
	c->n_head = 0;
	c->got = 0;
	c->is_last = false;
}

static bool
begin(struct client *c)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(c->load->port[c->is_tls]),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };
	int on = 1;

	prepare(c);
	c->state = CONNECT;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		err(1, "socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(c->fd, (struct sockaddr *)&a, sizeof(a)) < 0 &&
	    errno != EINPROGRESS) {
		fail(c, "connect", strerror(errno));
		return false;
	}
	c->events = e.events;
	if (epoll_ctl(c->load->epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)
		err(1, "epoll_ctl");
	c->load->connections++;
	return false;
}

static bool
finish_connect(struct client *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error != 0) {
		fail(c, "connect", strerror(error));
		return false;
	}
	c->state = SEND;
	if (!c->is_tls)
		return true;
	c->state = HANDSHAKE;
	c->ssl = SSL_new(c->load->tls);
	if (c->ssl == NULL || !SSL_set_fd(c->ssl, c->fd) ||
	    !SSL_set1_host(c->ssl, "localhost") ||
	    !SSL_set_tlsext_host_name(c->ssl, "localhost"))
		errx(1, "out of memory");
	SSL_set_connect_state(c->ssl);
	return true;
}

static bool
shake_hands(struct client *c)
{
	char text[120] = "the connection ended";
	unsigned long e;
	int ret = SSL_do_handshake(c->ssl);
	long verify = SSL_get_verify_result(c->ssl);

	if (ret == 1) {
		c->state = SEND;
		return true;
	}
	e = ERR_peek_last_error();
	if (e != 0)
		ERR_error_string_n(e, text, sizeof(text));
	if (tls_verdict(c, ret) == IO_AGAIN)
		return false;
	if (verify != X509_V_OK)
		fail(c, "certificate", X509_verify_cert_error_string(verify));
	else
		fail(c, "handshake", text);
	return false;
}

/* False: the server has ended the connection, which it may at this point. */
static bool
is_still_open(struct client *c)
{
	char byte;
	ssize_t n;

	if (c->n_here == 0 || c->sent > 0)
		return true;
	n = take(c, &byte, 1);
	if (n == IO_AGAIN)
		return true;
	if (n > 0)
		fail(c, "answer", "without a request");
	else if (n == IO_ENDED)
		c->load->orderly++;
	else
		c->load->resets++;
	if (n <= 0)
		drop(c);
	return false;
}

static void
put_request(const struct client *c)
{
	const struct load_request *r = c->request;
	int n = snprintf(out, sizeof(out),
	    "%s %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: loadgen\r\n%s",
	    r->method, r->path, c->keeps ? "" : "Connection: close\r\n");

	if (r->send_bytes > 0)
		n += snprintf(out + n, sizeof(out) - (size_t)n,
		    "Content-Length: %zu\r\n", r->send_bytes);
	n += snprintf(out + n, sizeof(out) - (size_t)n, "\r\n");
	memset(out + n, 'x', r->send_bytes);
	n_out = (size_t)n + r->send_bytes;
}

static bool
send_request(struct client *c)
{
	ssize_t n;

	if (!is_still_open(c))
		return false;
	put_request(c);
	n = give(c, out + c->sent, n_out - c->sent);
	if (n == IO_AGAIN)
		return false;
	if (n < 0) {
		fail(c, "cut", "while the request was sent");
		return false;
	}
	c->sent += (size_t)n;
	if (c->sent < n_out)
		return true;
	c->state = HEAD;
	return true;
}

static void
read_fields(struct client *c, size_t *length)
{
	const char *line = c->head;

	*length = (size_t)-1;
	while ((line = strstr(line, "\r\n")) != NULL) {
		line += 2;
		if (strncasecmp(line, "content-length:", 15) == 0)
			*length = strtoul(line + 15, NULL, 10);
		if (strncasecmp(line, "connection: close", 17) == 0)
			c->is_last = true;
	}
}

static bool
is_body_right(const struct client *c, const char *p, size_t len)
{
	for (size_t i = c->got; i < c->got + len; i++)
		if (*p++ != 'a' + (int)((i * 7 + i / 251) % 26))
			return false;
	return true;
}

static bool
take_body(struct client *c, const char *p, size_t len)
{
	if (c->got + len > c->request->body_bytes ||
	    !is_body_right(c, p, len)) {
		fail(c, "body", "not what the server sends");
		return false;
	}
	c->got += len;
	return true;
}

static bool
read_head(struct client *c)
{
	ssize_t n = take(c, c->head + c->n_head, LOAD_HEAD_MAX - c->n_head);
	size_t length;
	char *end;

	if (n == IO_AGAIN)
		return false;
	if (n <= 0) {
		fail(c, n == IO_ENDED ? "closed" : "cut",
		    c->n_head > 0 ? "in the head" : "without an answer");
		return false;
	}
	c->n_head += (size_t)n;
	c->head[c->n_head] = '\0';
	end = strstr(c->head, "\r\n\r\n");
	if (end == NULL)
		return true;
	*end = '\0';
	read_fields(c, &length);
	if (strncmp(c->head, "HTTP/1.1 200 ", 13) != 0) {
		c->head[strcspn(c->head, "\r\"")] = '\0';
		fail(c, "status", c->head);
		return false;
	}
	if (length != c->request->body_bytes) {
		fail(c, "body", "another length");
		return false;
	}
	c->state = BODY;
	return take_body(c, end + 4, c->n_head - (size_t)(end + 4 - c->head));
}

static void
end_exchange(struct client *c)
{
	bool is_over = !c->keeps || c->is_last;
	double begun = c->begun;

	c->load->exchanges[kind_of(c)]++;
	c->n_here++;
	if (is_over)
		drop(c);
	else
		c->state = SEND;
	c->turn++;
	prepare(c);
	c->not_before = begun + c->load->gap_s;
}

static bool
read_body(struct client *c)
{
	static char room[32768];
	ssize_t n;

	if (c->got == c->request->body_bytes) {
		end_exchange(c);
		return c->load->gap_s == 0;
	}
	n = take(c, room, sizeof(room));
	if (n == IO_AGAIN)
		return false;
	if (n > 0)
		return take_body(c, room, (size_t)n);
	fail(c, n == IO_ENDED ? "short" : "cut", "in the body");
	return false;
}

static bool
step(struct client *c)
{
	switch (c->state) {
	case PAUSE:
		return begin(c);
	case CONNECT:
		return finish_connect(c);
	case HANDSHAKE:
		return shake_hands(c);
	case SEND:
		return send_request(c);
	case HEAD:
		return read_head(c);
	case BODY:
		return read_body(c);
	}
	return false;
}

/* At most one exchange at a time: the others have a turn, too. */
void
load_client_advance(struct client *c)
{
	if (c->sent == 0 && load_now() < c->not_before) {
		/* between requests an end is noticed at once */
		if (c->state == SEND && is_still_open(c))
			want(c, EPOLLIN);
		return;
	}
	while (step(c))
		if (c->state == SEND && c->sent == 0)
			break;
	if (c->state == SEND && c->sent == 0 && c->fd >= 0)
		want(c, EPOLLIN | EPOLLOUT);
}

void
load_client_init(
    struct client *c, struct load *load, bool is_tls, bool keeps, unsigned turn)
{
	*c = (struct client){ .load = load,
		.is_tls = is_tls,
		.keeps = keeps,
		.fd = -1,
		.turn = turn };
	prepare(c);
}

void
load_client_look_at_clock(struct client *c, double now)
{
	bool is_waiting =
	    c->state == PAUSE || (c->state == SEND && c->sent == 0);

	if (is_waiting && now >= c->not_before)
		load_client_advance(c);
	else if (!is_waiting && now > c->begun + TIMEOUT_S)
		fail(c, "timeout", "");
}
