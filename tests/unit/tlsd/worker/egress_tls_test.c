#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "tests/unit/tlsd/worker/egress_fixture.h"
#include "tlsd/worker/egress_tls.h"

#define HOUR_MS (3600 * 1000)

/* Our client, and our own worker's TLS as the server. */
struct pair {
	struct egress_tls client;
	struct tls_io server;
	struct sign_op sign; /* of server */
	int fd[2];
	enum tls_verdict v[2]; /* of the handshakes: client's, server's */
};

static void
pair_step(struct tls_io *t, enum tls_verdict *v)
{
	while (tls_io_is_signing(t))
		uv_run(&gateway.loop, UV_RUN_ONCE);
	if (!is_over(*v))
		*v = tls_io_handshake(t);
	(void)tls_io_flush(t);
}

static void
pair_meet(struct pair *p, struct egress_server *to)
{
	memset(p, 0, sizeof(*p));
	make_pair(p->fd, SOCK_STREAM | SOCK_NONBLOCK);
	assert_true(egress_tls_open(&p->client, to, p->fd[0], on_signed));
	p->sign.on_done = on_signed;
	assert_true(tls_io_open(&p->server,
	    tls_contexts_first(gateway.contexts), p->fd[1], &p->sign));
	p->v[0] = p->v[1] = TLS_WANT_READ;
	for (unsigned i = 0; i < 20 && !(is_over(p->v[0]) && is_over(p->v[1]));
	     i++) {
		pair_step(&p->client.io, &p->v[0]);
		pair_step(&p->server, &p->v[1]);
	}
}

/* What the server sends behind the handshake. */
static void
pair_read(struct pair *p)
{
	char room[64];
	size_t n;

	(void)tls_io_flush(&p->server);
	assert_int_equal(
	    tls_io_read(&p->client.io, room, sizeof(room), &n), TLS_WANT_READ);
}

static void
pair_part(struct pair *p)
{
	egress_tls_close(&p->client);
	tls_io_close(&p->server);
	close(p->fd[0]);
	close(p->fd[1]);
}

static struct egress_server *
good(void)
{
	return egress_find("a.test", "mixed", "192.0.2.1:8443");
}

/* Its certificate is for another name than the pool wants. */
static struct egress_server *
misnamed(void)
{
	return egress_find("a.test", "pair", "localhost:9443");
}

/* True: with a resumed session. */
static bool
meet_good(void)
{
	struct pair p;
	bool is_resumed;

	pair_meet(&p, good());
	assert_int_equal(p.v[0], TLS_OK);
	assert_int_equal(p.v[1], TLS_OK);
	pair_read(&p);
	assert_true(p.client.has_ticket);
	is_resumed = SSL_session_reused(p.client.io.ssl);
	pair_part(&p);
	return is_resumed;
}

static void
resumes_the_newest_session_for_an_hour_after_the_verdict(void **state)
{
	(void)state;
	assert_false(meet_good());
	assert_true(meet_good());
	good()->verified_ms -= HOUR_MS - 60000;
	assert_true(meet_good());
	/* a session made by a session does not make it younger */
	good()->verified_ms -= 61000;
	assert_false(meet_good());
	assert_true(meet_good());
}

static void
says_which_name_was_wanted_and_whose_the_certificate_is(void **state)
{
	char text[EGRESS_TEXT_MAX + 1];
	struct pair p;

	(void)state;
	pair_meet(&p, misnamed());
	assert_int_equal(p.v[0], TLS_FAILED);
	assert_int_equal(
	    egress_tls_explain(&p.client, p.v[0], text, sizeof(text)),
	    EGRESS_CERTIFICATE);
	assert_non_null(strstr(text, "ostname mismatch: certificate of "
				     "CN=a.test,O=M\xc3\xbcller\\, Inc"));
	assert_non_null(strstr(text, "; c.test was expected"));
	pair_part(&p);
}

static void
a_text_that_is_too_long_is_cut_and_ends(void **state)
{
	char whole[EGRESS_TEXT_MAX + 1], cut[64];
	struct pair p;

	(void)state;
	pair_meet(&p, misnamed());
	(void)egress_tls_explain(&p.client, p.v[0], whole, sizeof(whole));
	for (size_t room = 1; room <= sizeof(cut); room++) {
		memset(cut, 'x', sizeof(cut));
		(void)egress_tls_explain(&p.client, p.v[0], cut, room);
		assert_int_equal(strnlen(cut, room), room - 1);
		assert_memory_equal(cut, whole, room - 1);
	}
	pair_part(&p);
}

static void
a_failure_ends_the_use_of_a_session(void **state)
{
	char text[EGRESS_TEXT_MAX + 1];
	struct pair p;

	(void)state;
	(void)meet_good();
	assert_non_null(good()->session);
	pair_meet(&p, good());
	(void)egress_tls_explain(&p.client, TLS_TRUNCATED, text, sizeof(text));
	assert_string_equal(text, "the server ended the connection");
	assert_null(good()->session);
	pair_part(&p);
	assert_false(meet_good());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    resumes_the_newest_session_for_an_hour_after_the_verdict),
		cmocka_unit_test(
		    says_which_name_was_wanted_and_whose_the_certificate_is),
		cmocka_unit_test(a_text_that_is_too_long_is_cut_and_ends),
		cmocka_unit_test(a_failure_ends_the_use_of_a_session),
	};

	return cmocka_run_group_tests(tests, egress_set_up, egress_tear_down);
}
