/*
 * Contexts of a worker whose configuration is not that of its signer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/tlsd/worker/tls_fixture.h"

static struct conf other;

static void
make_pem(const char *name)
{
	EVP_PKEY *key = make_key("EC", "P-256");
	X509 *cert = make_cert(key, &(struct cert_spec){ .cn = "a.test" });

	write_pair(name, cert, key);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static int
set_up(void **state)
{
	(void)state;
	make_dir();
	make_pem("one");
	make_pem("two");
	write_site("a", "two", "", "");
	conf_load(&other);
	write_site("a", "one", "", "");
	gateway_start();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	gateway_stop();
	conf_unload(&other);
	remove_dir();
	return 0;
}

static void
refuses_a_certificate_of_another_key_than_the_signers(void **state)
{
	const struct ticket_keys keys = { .page = ticket_page() };
	const char *error = NULL;

	(void)state;
	tls_contexts_free(gateway.contexts);
	gateway.contexts =
	    tls_contexts_new(other.config, gateway.client, &keys, &error);
	assert_null(gateway.contexts);
	assert_non_null(
	    strstr(error, "two.pem: certificate or key cannot be used"));
	gateway.contexts = tls_contexts_new(
	    gateway.conf.config, gateway.client, &keys, &error);
	assert_non_null(gateway.contexts);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    refuses_a_certificate_of_another_key_than_the_signers),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
