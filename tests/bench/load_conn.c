/*
 * One connection of the load generator.  Edge-triggered: each step goes on
 * until the socket would block.
 *
 *	CONNECT -> HANDSHAKE -> SEND -> RECEIVE -+-> SEND     keep, closed loop
 *	               |         ^               +-> FREE     keep, open loop
 *	               +-> FREE -+               +-> LAST     full, resume
 *	                                         +-> HELD     hold
 *
 * A connection that ends or fails is opened again (hold: given up), so the
 * number under way stays the same.
 */
#include "tests/bench/load_conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Many source addresses: no shortage of ports while old ones are in
 * TIME_WAIT. */
#define N_SOURCES 200
#define FIRST_SOURCE 0x7f010001u /* 127.1.0.1 */

/* A peer that refuses everything must not make us spin. */
#define MAX_FAILURES 10000

void
load_conn_init(struct load_conn *c, struct load *load)
{
	c->load = load;
	c->fd = -1;
}

static void
shut(struct load_conn *c)
{
	if (c->state == LOAD_FREE)
		TAILQ_REMOVE(&c->load->free, c, link);
	if (c->state == LOAD_HELD)
		c->load->n_held--;
	if (c->ssl != NULL) {
		/* says close_notify, waits for none */
		SSL_set_quiet_shutdown(c->ssl, 1);
		SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
		c->ssl = NULL;
	}
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->state = LOAD_OFF;
}

void
load_conn_fini(struct load_conn *c)
{
	shut(c);
	SSL_SESSION_free(c->ticket);
}

static void
fail(struct load_conn *c, enum load_failure kind, const char *what)
{
	struct load *load = c->load;
	uint64_t n = 0;

	load_stats_failure(&load->stats, kind, what);
	shut(c);
	for (int i = 0; i < LOAD_N_FAILURES; i++)
		n += load->stats.n_failed[i];
	if (load->plan->mode == LOAD_HOLD || n > MAX_FAILURES)
		load->n_given_up++;
	else
		load_conn_open(c);
}

/* connection -------------------------------------------------------------- */

static bool
bind_source(int fd, unsigned n)
{
	static const int on = 1;
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr = { htonl(FIRST_SOURCE + n % N_SOURCES) } };

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

void
load_conn_open(struct load_conn *c)
{
	struct load *load = c->load;
	struct epoll_event e = { .events =
				     EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = c };
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
		.sin_port = htons((uint16_t)load->plan->port) };

	c->host = &load->plan->host[load->n_opened % load->plan->n_hosts];
	c->begun_ns = load_now_ns();
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd < 0 || !bind_source(c->fd, load->n_opened++) ||
	    epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, c->fd, &e) < 0 ||
	    (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0 &&
		errno != EINPROGRESS)) {
		/* our own side: trying again would not mend it */
		load_stats_failure(&load->stats, LOAD_FAIL_CONNECT, "socket");
		load->n_given_up++;
		shut(c);
		return;
	}
	c->state = LOAD_CONNECT;
}

static bool
step_connect(struct load_conn *c)
{
	struct sockaddr_in peer;
	socklen_t peer_len = sizeof(peer), error_len = sizeof(errno);
	int error = 0;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &error_len);
	if (error != 0) {
		errno = error;
		fail(c, LOAD_FAIL_CONNECT, "connect");
		return false;
	}
	if (getpeername(c->fd, (struct sockaddr *)&peer, &peer_len) < 0)
		return false;
	c->ssl = SSL_new(c->load->tls);
	SSL_set_app_data(c->ssl, c);
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_tlsext_host_name(c->ssl, c->host->name);
	if (c->ticket != NULL)
		SSL_set_session(c->ssl, c->ticket);
	SSL_set_connect_state(c->ssl);
	c->state = LOAD_HANDSHAKE;
	return true;
}

int
load_conn_on_ticket(SSL *ssl, SSL_SESSION *ticket)
{
	struct load_conn *c = SSL_get_app_data(ssl);

	SSL_SESSION_free(c->ticket);
	c->ticket = ticket;
	return 1;
}

static bool
would_block(const struct load_conn *c, int result)
{
	int error = SSL_get_error(c->ssl, result);

	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void
count_handshake(struct load_conn *c)
{
	struct load_stats *s = &c->load->stats;

	if (s->is_counting && SSL_session_reused(c->ssl))
		s->n_resumed++;
	else if (s->is_counting)
		s->n_full++;
	if (s->cipher[0] == '\0')
		snprintf(s->cipher, sizeof(s->cipher), "%s %s",
		    SSL_get_version(c->ssl), SSL_get_cipher(c->ssl));
}

/* requests ---------------------------------------------------------------- */

static void
ask(struct load_conn *c, uint64_t begun_ns)
{
	c->begun_ns = begun_ns;
	c->sent_bytes = 0;
	load_response_begin(&c->response);
	c->state = LOAD_SEND;
}

static void
note_up(struct load_conn *c)
{
	if (!c->is_up)
		c->load->n_up++;
	c->is_up = true;
}

/* True when there is a request to send. */
static bool
ask_or_wait(struct load_conn *c)
{
	uint64_t due_ns;

	if (c->load->plan->rate_per_s <= 0) {
		ask(c, load_now_ns());
		return true;
	}
	note_up(c);
	if (load_pace_take(&c->load->pace, &due_ns)) {
		ask(c, due_ns);
		return true;
	}
	c->state = LOAD_FREE;
	TAILQ_INSERT_TAIL(&c->load->free, c, link);
	return false;
}

void
load_conn_serve_due(struct load *load)
{
	struct load_conn *c;
	uint64_t due_ns;

	while ((c = TAILQ_FIRST(&load->free)) != NULL &&
	       load_pace_take(&load->pace, &due_ns)) {
		TAILQ_REMOVE(&load->free, c, link);
		ask(c, due_ns);
		load_conn_advance(c);
	}
}

static bool
step_handshake(struct load_conn *c)
{
	uint64_t begun_ns = c->begun_ns;
	bool is_single = c->load->plan->mode == LOAD_FULL ||
			 c->load->plan->mode == LOAD_RESUME;
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(c->ssl);
	if (result != 1 && would_block(c, result))
		return false;
	if (result != 1) {
		fail(c, LOAD_FAIL_HANDSHAKE, "handshake");
		return false;
	}
	count_handshake(c);
	if (!ask_or_wait(c))
		return false;
	if (is_single)
		c->begun_ns = begun_ns; /* latency from connect() on */
	return true;
}

static bool
step_send(struct load_conn *c)
{
	const struct load_host *h = c->host;

	while (c->sent_bytes < h->request_bytes) {
		int n = SSL_write(c->ssl, h->request + c->sent_bytes,
		    (int)(h->request_bytes - c->sent_bytes));

		if (n <= 0 && would_block(c, n))
			return false;
		if (n <= 0) {
			fail(c, LOAD_FAIL_IO, "write");
			return false;
		}
		c->sent_bytes += (size_t)n;
	}
	c->state = LOAD_RECEIVE;
	return true;
}

/* Bytes; 0 at the end; -1: nothing now; -2: an error. */
static int
receive(struct load_conn *c)
{
	int n = SSL_read(c->ssl, c->load->scratch, (int)LOAD_SCRATCH_BYTES);

	if (n > 0)
		return n;
	switch (SSL_get_error(c->ssl, n)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SSL:
		if (ERR_GET_REASON(ERR_peek_error()) ==
		    SSL_R_UNEXPECTED_EOF_WHILE_READING)
			return 0;
		return -2;
	default:
		return -2;
	}
}

static bool
is_expected(const struct load_conn *c)
{
	long long expect = c->load->plan->expect_bytes;

	return c->response.status == 200 &&
	       (expect < 0 || c->response.body_bytes == (uint64_t)expect);
}

static void
reopen(struct load_conn *c)
{
	shut(c);
	load_conn_open(c);
}

static bool
answered(struct load_conn *c)
{
	struct load *load = c->load;

	if (!is_expected(c)) {
		fail(c, LOAD_FAIL_ANSWER, "not the expected answer");
		return false;
	}
	note_up(c);
	if (load->plan->mode == LOAD_FULL || load->plan->mode == LOAD_RESUME) {
		c->state = LOAD_LAST;
		return true;
	}
	load_stats_answer(&load->stats, c->begun_ns, c->response.body_bytes);
	if (load->plan->mode == LOAD_HOLD) {
		c->state = LOAD_HELD;
		load->n_held++;
		return true;
	}
	if (load->plan->max_requests > 0 &&
	    load->stats.n_ok >= load->plan->max_requests)
		return false;
	if (c->response.will_close) {
		reopen(c);
		return false;
	}
	return ask_or_wait(c);
}

static bool
step_receive(struct load_conn *c)
{
	int n = receive(c);

	if (n == -1)
		return false;
	if (n <= 0) {
		fail(c, n == 0 ? LOAD_FAIL_EARLY_END : LOAD_FAIL_IO, "read");
		return false;
	}
	switch (load_response_take(&c->response, c->load->scratch, (size_t)n)) {
	case LOAD_MORE:
		return true;
	case LOAD_DONE:
		return answered(c);
	case LOAD_BAD:
		fail(c, LOAD_FAIL_ANSWER, "not a response");
	}
	return false;
}

/* Nothing is expected but the end (and, before it, tickets). */
static void
step_quiet(struct load_conn *c)
{
	int n = receive(c);

	if (n == -1)
		return;
	if (n != 0) {
		fail(c, LOAD_FAIL_IO, "read after the answer");
		return;
	}
	if (c->state == LOAD_HELD) {
		fail(c, LOAD_FAIL_EARLY_END, "held connection ended");
		return;
	}
	if (c->state == LOAD_LAST)
		load_stats_answer(
		    &c->load->stats, c->begun_ns, c->response.body_bytes);
	ERR_clear_error();
	reopen(c);
}

void
load_conn_advance(struct load_conn *c)
{
	bool goes_on = true;

	while (goes_on) {
		switch (c->state) {
		case LOAD_OFF:
			return;
		case LOAD_CONNECT:
			goes_on = step_connect(c);
			break;
		case LOAD_HANDSHAKE:
			goes_on = step_handshake(c);
			break;
		case LOAD_SEND:
			goes_on = step_send(c);
			break;
		case LOAD_RECEIVE:
			goes_on = step_receive(c);
			break;
		case LOAD_FREE:
		case LOAD_LAST:
		case LOAD_HELD:
			step_quiet(c);
			return;
		}
	}
}
