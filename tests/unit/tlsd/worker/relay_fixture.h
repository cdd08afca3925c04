/*
 * relay.c between a scripted OpenSSL (this file defines tls_io_*) and real
 * sockets: a Unix stream pair for rproxy, another pair for the client's raw
 * socket.  For tests.
 */
#ifndef TESTS_UNIT_TLSD_WORKER_RELAY_FIXTURE_H
#define TESTS_UNIT_TLSD_WORKER_RELAY_FIXTURE_H

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/watch.h"
#include "tlsd/worker/relay.h"

#define BYE "[bye]"

/* the scripted OpenSSL ---------------------------------------------------- */

struct script {
	const char *in;       /* decrypted bytes to come */
	size_t in_len;        /* left */
	size_t record;        /* bytes that one read brings */
	size_t burst;         /* records at hand without asking the socket */
	size_t at_hand;       /* of them, left */
	enum tls_verdict end; /* after the last byte */
	unsigned reads;
	size_t room;   /* bytes that the client's socket takes per flush */
	bool is_reset; /* or none ever more */
	char sent[1 << 20];
	size_t n_sent;
	unsigned flushes;
	bool is_broken;
};

static struct script script;

enum tls_verdict
tls_io_read(struct tls_io *t, char *room, size_t room_bytes, size_t *n)
{
	(void)t;
	script.reads++;
	if (script.in_len == 0)
		return script.end;
	if (script.at_hand == 0)
		script.at_hand = script.burst;
	script.at_hand--;
	*n = script.record < script.in_len ? script.record : script.in_len;
	*n = *n < room_bytes ? *n : room_bytes;
	memcpy(room, script.in, *n);
	script.in += *n;
	script.in_len -= *n;
	return TLS_OK;
}

bool
tls_io_has_more(const struct tls_io *t)
{
	(void)t;
	return script.at_hand > 0 && script.in_len > 0;
}

enum tls_verdict
tls_io_write(struct tls_io *t, const char *p, size_t len, size_t *taken)
{
	if (script.is_broken)
		return TLS_FAILED;
	assert_true(buf_append(&t->out, p, len, TLS_IO_OUT_MAX));
	*taken = len;
	return TLS_OK;
}

enum tls_verdict
tls_io_flush(struct tls_io *t)
{
	struct slice s = slice_first(buf_slice(&t->out), script.room);

	script.flushes++;
	if (script.is_reset)
		return TLS_TRUNCATED;
	memcpy(script.sent + script.n_sent, s.p, s.len);
	script.n_sent += s.len;
	buf_consume(&t->out, s.len);
	buf_release_if_empty(&t->out);
	return buf_len(&t->out) == 0 ? TLS_OK : TLS_WANT_WRITE;
}

void
tls_io_shutdown(struct tls_io *t)
{
	assert_true(buf_append(&t->out, BYE, strlen(BYE), TLS_IO_OUT_MAX));
}

/* fixture ----------------------------------------------------------------- */

struct fixture {
	struct tls_io tls;
	struct relay relay;
	struct relay_moved moved;
	int rproxy; /* rproxy's end of its connection, -1: closed */
	int client; /* the client's end of the raw socket */
	int ours;
	char *scratch;
};

static char big[512 * 1024];

static inline int
relay_set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int pair[2];

	script = (struct script){ .record = 16384,
		.burst = 1,
		.end = TLS_WANT_READ,
		.room = SIZE_MAX };
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 2654435761u >> 13);
	f->scratch = malloc(RELAY_SCRATCH);
	assert_int_equal(
	    0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	f->ours = pair[0];
	f->rproxy = pair[1];
	relay_init(&f->relay, &f->tls, false, SIZE_MAX);
	relay_attach(&f->relay, f->ours);
	assert_int_equal(
	    0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	f->tls.fd = pair[0];
	f->client = pair[1];
	*state = f;
	return 0;
}

static inline int
relay_tear_down(void **state)
{
	struct fixture *f = *state;

	relay_fini(&f->relay);
	buf_release(&f->tls.out);
	close(f->ours);
	close(f->tls.fd);
	close(f->client);
	if (f->rproxy >= 0)
		close(f->rproxy);
	free(f->scratch);
	free(f);
	return 0;
}

static inline enum relay_verdict
run(struct fixture *f, unsigned client, unsigned backend)
{
	return relay_run(&f->relay, client, backend, f->scratch, &f->moved);
}

static inline void
client_sends(const char *p, size_t len)
{
	script.in = p;
	script.in_len = len;
}

static inline void
rproxy_sends(struct fixture *f, const char *text)
{
	assert_int_equal(strlen(text), write(f->rproxy, text, strlen(text)));
}

static inline void
assert_rproxy_got(struct fixture *f, const char *want)
{
	char got[256] = "";

	(void)!read(f->rproxy, got, sizeof(got) - 1);
	assert_string_equal(want, got);
}

static inline void
assert_client_got(const char *want)
{
	assert_int_equal(strlen(want), script.n_sent);
	assert_memory_equal(want, script.sent, script.n_sent);
}

static inline void
close_rproxy(struct fixture *f)
{
	close(f->rproxy);
	f->rproxy = -1;
}

#define RELAY_TEST(name)                                                       \
	cmocka_unit_test_setup_teardown(name, relay_set_up, relay_tear_down)

#endif
