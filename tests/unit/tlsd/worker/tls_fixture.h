/*
 * A worker's TLS half in this process, a real signer in another, and OpenSSL
 * as the client on the other end of a socket pair.  For tests.
 */
#ifndef TESTS_UNIT_TLSD_WORKER_TLS_FIXTURE_H
#define TESTS_UNIT_TLSD_WORKER_TLS_FIXTURE_H

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tests/unit/tlsd/signer_fixture.h"
#include "tlsd/worker/tls_context.h"
#include "tlsd/worker/tls_io.h"

static struct {
	struct conf conf;
	struct signer signer;
	uv_loop_t loop;
	struct signer_client *client;
	struct tls_contexts *contexts;
} gateway;

/* As a worker gets it from its master. */
FIXTURE struct state_page *
ticket_state_page(void)
{
	static struct state_page *page;

	if (page == NULL)
		page = state_page_new("tlsd", &ticket_state);
	return page;
}

FIXTURE const struct ticket_page *
ticket_page(void)
{
	struct state_page *p = ticket_state_page();

	state_page_turn(p, 1000, 1);
	return state_page_map(
	    "tlsd", &ticket_state, dup(state_page_reader_fd(p)));
}

FIXTURE void
gateway_start(void)
{
	const char *error = "";

	conf_load(&gateway.conf);
	signer_start_ready(&gateway.signer, &gateway.conf);
	NEED(uv_loop_init(&gateway.loop) == 0);
	gateway.client =
	    signer_client_new(&gateway.loop, gateway.signer.channel[0],
		tlsd_config_n_keys(gateway.conf.config), &error);
	need(gateway.client != NULL, error);
	gateway.contexts = tls_contexts_new(gateway.conf.config, gateway.client,
	    &(struct ticket_keys){ .page = ticket_page() }, &error);
	need(gateway.contexts != NULL, error);
}

FIXTURE void
gateway_stop(void)
{
	tls_contexts_free(gateway.contexts);
	signer_client_free(gateway.client);
	uv_run(&gateway.loop, UV_RUN_DEFAULT);
	NEED(uv_loop_close(&gateway.loop) == 0);
	close(gateway.signer.channel[1]);
	signer_kill(&gateway.signer);
	conf_unload(&gateway.conf);
}

/* A new signer after the death of the one before. */
FIXTURE void
gateway_replace_signer(void)
{
	close(gateway.signer.channel[1]);
	signer_start_ready(&gateway.signer, &gateway.conf);
	signer_client_replace(gateway.client, gateway.signer.channel[0]);
	/* the keys, several at a time */
	uv_run(&gateway.loop, UV_RUN_ONCE);
	for (unsigned i = 1; i < tlsd_config_n_keys(gateway.conf.config); i++)
		uv_run(&gateway.loop, UV_RUN_NOWAIT);
}

/* one connection ---------------------------------------------------------- */

struct link {
	struct tls_io server;
	struct sign_op sign; /* the server's */
	SSL *client;         /* owned */
	int server_fd;       /* owned */
	int client_fd;       /* owned, in client's BIO */
	unsigned n_waits;
	enum tls_verdict verdict; /* of the server's handshake */
	int client_error;         /* SSL_get_error() of the client's */
};

static void
on_signed(struct sign_op *op)
{
	(void)op;
}

FIXTURE SSL_CTX *
client_context(int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	NEED(ctx != NULL);
	if (version != 0) {
		SSL_CTX_set_min_proto_version(ctx, version);
		SSL_CTX_set_max_proto_version(ctx, version);
	}
	return ctx;
}

/* name may be NULL: no SNI */
FIXTURE void
link_open(struct link *l, SSL_CTX *client, const char *name)
{
	int fd[2];

	memset(l, 0, sizeof(*l));
	make_pair(fd, SOCK_STREAM | SOCK_NONBLOCK);
	l->server_fd = fd[0];
	l->client_fd = fd[1];
	l->sign.on_done = on_signed;
	NEED(tls_io_open(
	    &l->server, tls_contexts_first(gateway.contexts), fd[0], &l->sign));
	l->client = SSL_new(client);
	NEED(l->client != NULL && SSL_set_fd(l->client, fd[1]) == 1);
	if (name != NULL)
		NEED(SSL_set_tlsext_host_name(l->client, name) == 1);
	SSL_set_connect_state(l->client);
	l->verdict = TLS_WANT_READ;
	l->client_error = SSL_ERROR_WANT_READ;
}

FIXTURE void
link_close(struct link *l)
{
	tls_io_close(&l->server);
	/* or the client would think its session bad */
	SSL_set_shutdown(l->client, SSL_SENT_SHUTDOWN);
	SSL_free(l->client);
	close(l->server_fd);
	close(l->client_fd);
}

static bool
is_over(enum tls_verdict v)
{
	return v != TLS_WANT_READ && v != TLS_WANT_WRITE &&
	       v != TLS_WANT_SIGNER;
}

static bool
is_signer_asked(const struct link *l)
{
	return tls_io_is_signing(&l->server);
}

FIXTURE void
step_client(struct link *l)
{
	int ret;

	if (l->client_error != SSL_ERROR_WANT_READ)
		return;
	ERR_clear_error();
	ret = SSL_do_handshake(l->client);
	l->client_error = SSL_get_error(l->client, ret);
}

FIXTURE void
step_server(struct link *l)
{
	if (is_over(l->verdict) || is_signer_asked(l))
		return;
	l->verdict = tls_io_handshake(&l->server);
	if (l->verdict == TLS_OK) {
		tls_io_settle(&l->server);
		tls_io_flush(&l->server); /* a ticket that may wait */
	}
	l->n_waits += l->verdict == TLS_WANT_SIGNER;
}

/* Until the signer is asked, or it is over for the server. */
FIXTURE void
link_reach_signer(struct link *l)
{
	for (unsigned i = 0; i < 100 && !is_signer_asked(l); i++) {
		step_client(l);
		step_server(l);
		if (is_over(l->verdict))
			return;
	}
}

/* To the end, waiting for the signer where it is asked. */
FIXTURE void
link_shake_hands(struct link *l)
{
	for (unsigned i = 0; i < 100; i++) {
		step_client(l);
		step_server(l);
		while (is_signer_asked(l))
			uv_run(&gateway.loop, UV_RUN_ONCE);
		if (is_over(l->verdict) &&
		    l->client_error != SSL_ERROR_WANT_READ)
			return;
	}
}

/* Both sides have it, and bytes go both ways. */
FIXTURE bool
link_echoes(struct link *l)
{
	char in[16];
	size_t n = 0;

	if (SSL_write(l->client, "ping", 4) != 4 ||
	    tls_io_read(&l->server, in, sizeof(in), &n) != TLS_OK || n != 4 ||
	    memcmp(in, "ping", 4) != 0)
		return false;
	if (tls_io_write(&l->server, "pong", 4, &n) != TLS_OK || n != 4 ||
	    tls_io_flush(&l->server) != TLS_OK)
		return false;
	return SSL_read(l->client, in, sizeof(in)) == 4 &&
	       memcmp(in, "pong", 4) == 0;
}

#endif
