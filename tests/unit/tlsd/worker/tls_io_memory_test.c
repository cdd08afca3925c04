/*
 * The worker's TLS half when there is no memory for what it or OpenSSL needs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/tlsd/worker/sites_fixture.h"

/* Of OpenSSL's allocations from now on, the one that fails; 0: none. */
static unsigned fails_at;

static bool
is_to_fail(void)
{
	return fails_at > 0 && --fails_at == 0;
}

static void *
try_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return is_to_fail() ? NULL : malloc(n);
}

static void *
try_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return is_to_fail() ? NULL : realloc(p, n);
}

static void
free_it(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static void
a_handshake_without_memory_for_its_flight_fails_at_once(void **state)
{
	/* no buffer can be made so large: the same as none at all */
	struct buf_storage storage = { .cap = SIZE_MAX / 2,
		.tail = SIZE_MAX / 2 };
	struct buf full = { &storage };
	SSL_CTX *ctx = trusting_client(TLS1_3_VERSION);
	struct link l;

	(void)state;
	link_open(&l, ctx, "rsa.test");
	step_client(&l);
	l.server.out = full;
	step_server(&l);
	while (is_signer_asked(&l)) {
		uv_run(&gateway.loop, UV_RUN_ONCE);
		step_server(&l);
	}
	l.server.out = (struct buf){ 0 };
	assert_int_equal(l.verdict, TLS_FAILED);
	assert_string_equal(tls_io_error(&l.server), "internal_error");
	link_close(&l);
	SSL_CTX_free(ctx);
}

static void
a_handshake_without_memory_for_its_job_fails_at_once(void **state)
{
	SSL_CTX *ctx = trusting_client(0);
	struct link established, waiting, l;
	char in[16];
	size_t n;

	(void)state;
	establish(&established);
	link_open(&l, ctx, "rsa.test");
	step_server(&l); /* waits for the client's first bytes */
	assert_int_equal(l.verdict, TLS_WANT_READ);
	/* the last job that is ready is taken */
	assert_true(tls_io_give_back());
	link_open(&waiting, ctx, "rsa.test");
	link_reach_signer(&waiting);
	assert_true(is_signer_asked(&waiting));
	/* what another waits for is nothing to us */
	assert_int_equal(tls_io_read(&established.server, in, sizeof(in), &n),
	    TLS_WANT_READ);

	fails_at = 1;
	step_server(&l);
	fails_at = 0;
	assert_int_equal(l.verdict, TLS_FAILED);
	assert_string_equal(tls_io_error(&l.server), "internal_error");
	link_close(&l);
	link_close(&waiting);
	link_close(&established);
	SSL_CTX_free(ctx);
}

static void
opens_completely_or_not_at_all_when_memory_is_short(void **state)
{
	unsigned n_failed = 0;
	bool is_over = false;

	(void)state;
	for (unsigned n = 1; !is_over; n++) {
		struct sign_op sign = { .on_done = on_signed };
		struct tls_io t;
		bool is_open;

		fails_at = n;
		is_open = tls_io_open(
		    &t, tls_contexts_first(gateway.contexts), -1, &sign);
		is_over = fails_at > 0; /* it took less */
		fails_at = 0;
		n_failed += !is_open;
		if (is_open)
			assert_non_null(SSL_get_rbio(t.ssl));
		tls_io_close(&t);
	}
	assert_true(n_failed > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_handshake_without_memory_for_its_flight_fails_at_once),
		cmocka_unit_test(
		    a_handshake_without_memory_for_its_job_fails_at_once),
		cmocka_unit_test(
		    opens_completely_or_not_at_all_when_memory_is_short),
	};

	NEED(CRYPTO_set_mem_functions(try_malloc, try_realloc, free_it) == 1);
	return cmocka_run_group_tests(tests, sites_set_up, sites_tear_down);
}
