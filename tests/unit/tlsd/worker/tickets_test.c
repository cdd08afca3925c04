/*
 * Sessions that clients keep: where and for how long they are resumed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "tests/unit/tlsd/worker/users_fixture.h"

static void
a_session_is_not_resumed_at_another_site(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		SSL_CTX *ctx = client_of(versions[v], pki.alice, pki.staff);
		struct link l;

		connect_to(&l, ctx, "required.test", NULL);
		assert_int_equal(l.verdict, TLS_OK);
		link_close(&l);
		connect_to(&l, ctx, "second.test", kept);
		assert_int_equal(l.verdict, TLS_OK);
		assert_int_equal(SSL_session_reused(l.client), 0);
		link_close(&l);
		SSL_CTX_free(ctx);
	}
}

static void
a_session_whose_certificate_has_expired_is_not_resumed(void **state)
{
	SSL_CTX *ctx = client_of(TLS1_3_VERSION, pki.brief, pki.staff);
	struct link l;

	(void)state;
	connect_to(&l, ctx, "required.test", NULL);
	assert_int_equal(l.verdict, TLS_OK);
	link_close(&l);
	while (X509_cmp_current_time(X509_get0_notAfter(pki.brief)) > 0)
		usleep(50 * 1000);
	connect_to(&l, ctx, "required.test", kept);
	assert_int_equal(l.verdict, TLS_FAILED);
	assert_string_equal(tls_io_error(&l.server), "certificate_expired");
	link_close(&l);
	SSL_CTX_free(ctx);
}

/* Resumes the kept session with the page's keys as they are now. */
static bool
is_resumed(SSL_CTX *ctx, SSL_SESSION *session)
{
	/* libssl uses one of TLS 1.3 once */
	SSL_SESSION *once = session != NULL ? SSL_SESSION_dup(session) : NULL;
	struct link l;
	bool resumed;

	connect_to(&l, ctx, "open.test", once);
	SSL_SESSION_free(once);
	assert_int_equal(l.verdict, TLS_OK);
	resumed = SSL_session_reused(l.client);
	link_close(&l);
	return resumed;
}

static void
a_ticket_lives_through_a_signer_and_a_new_key_but_not_for_ever(void **state)
{
	SSL_CTX *ctx = client_of(TLS1_3_VERSION, NULL, NULL);
	struct state_page *page = ticket_state_page();
	SSL_SESSION *old;

	(void)state;
	assert_false(is_resumed(ctx, NULL));
	old = kept;
	kept = NULL;
	signer_kill(&gateway.signer);
	gateway_replace_signer();
	assert_true(is_resumed(ctx, old));
	state_page_turn(page, 1000, 1 + TICKET_ROTATE_MS);
	assert_true(is_resumed(ctx, old));
	state_page_turn(page, 1000, 1 + TICKET_ROTATE_MS + 1000);
	assert_false(is_resumed(ctx, old));
	SSL_SESSION_free(old);
	SSL_CTX_free(ctx);
}

static void
one_ticket_is_given_and_no_early_data(void **state)
{
	SSL_CTX *ctx = client_of(TLS1_3_VERSION, NULL, NULL);
	struct link l;

	(void)state;
	connect_to(&l, ctx, "open.test", NULL);
	assert_int_equal(SSL_get_num_tickets(l.server.ssl), 1);
	assert_int_equal(SSL_SESSION_get_max_early_data(kept), 0);
	link_close(&l);
	SSL_CTX_free(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		USERS_TEST(a_session_is_not_resumed_at_another_site),
		USERS_TEST(
		    a_session_whose_certificate_has_expired_is_not_resumed),
		USERS_TEST(
		    a_ticket_lives_through_a_signer_and_a_new_key_but_not_for_ever),
		USERS_TEST(one_ticket_is_given_and_no_early_data),
	};

	return cmocka_run_group_tests(tests, users_set_up, users_tear_down);
}
