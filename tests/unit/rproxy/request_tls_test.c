/*
 * A request for one site over a handshake for another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/request_tls.h"

static char *open_names[] = { "open.example.com" };
static char *strict_names[] = { "strict.example.com" };
static char *new_names[] = { "new.example.com" };
static char *other_names[] = { "other.example.com" };
static struct site_conf open_site = { .names = { .v = open_names, .n = 1 },
	.is_default = true };
static struct site_conf strict_site = { .names = { .v = strict_names, .n = 1 },
	.tls = { .client_verify = CLIENT_VERIFY_REQUIRED } };
static struct site_conf new_site = { .names = { .v = new_names, .n = 1 },
	.tls = { .min_version = TLS_MIN_1_3 } };
static struct site_conf other_site = { .names = { .v = other_names, .n = 1 },
	.tls = { .client_verify = CLIENT_VERIFY_OPTIONAL } };
static struct site_conf *sites[] = { &open_site, &strict_site, &new_site,
	&other_site };

struct row {
	const char *sni;
	bool cert;
	const struct site_conf *site;
	enum reason why;
};

static const struct row rows[] = {
	{ "open.example.com", false, &open_site, REASON_OK },
	{ "strict.example.com", true, &strict_site, REASON_OK },
	{ "other.example.com", true, &other_site, REASON_OK },
	{ "new.example.com", false, &open_site, REASON_OK },
	{ "", false, &open_site, REASON_OK },
	/* a lenient handshake for a strict site */
	{ "open.example.com", false, &strict_site, REASON_WRONG_SITE },
	{ "open.example.com", false, &other_site, REASON_WRONG_SITE },
	{ "open.example.com", false, &new_site, REASON_WRONG_SITE },
	{ "", false, &strict_site, REASON_WRONG_SITE },
	/* a certificate that another site has judged */
	{ "other.example.com", true, &strict_site, REASON_WRONG_SITE },
	{ "other.example.com", true, &open_site, REASON_WRONG_SITE },
};

static void
a_site_keeps_its_rules_whatever_the_handshake_named(void **state)
{
	struct site_list list = { .v = sites, .n = ARRAY_LEN(sites) };
	struct site_names *names = site_names_new(&list);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct proxy_v2 tls = { .authority = slice_of(rows[i].sni),
			.cert = rows[i].cert ? SLICE("x") : SLICE_NONE };
		struct client_facts who = { .https = true, .tls = &tls };

		if (request_tls_check_site(rows[i].site, SLICE("a.name"), &who,
			names) != rows[i].why)
			fail_msg("row %zu", i);
	}
	site_names_free(names);
}

static void
one_name_for_both_is_one_site(void **state)
{
	struct proxy_v2 tls = { .authority = SLICE("strict.example.com"),
		.cert = SLICE("x") };
	struct client_facts who = { .https = true, .tls = &tls };
	struct site_list list = { .v = sites, .n = ARRAY_LEN(sites) };
	struct site_names *names = site_names_new(&list);

	(void)state;
	assert_int_equal(request_tls_check_site(&strict_site,
			     SLICE("strict.example.com"), &who, names),
	    REASON_OK);
	assert_int_equal(request_tls_check_site(&open_site,
			     SLICE("open.example.com"), &who, names),
	    REASON_WRONG_SITE);
	site_names_free(names);
}

static void
plain_clients_are_of_no_site(void **state)
{
	struct site_list list = { .v = sites, .n = ARRAY_LEN(sites) };
	struct site_names *names = site_names_new(&list);
	struct client_facts who = { .https = false };

	(void)state;
	assert_int_equal(
	    request_tls_check_site(&strict_site, SLICE_NONE, &who, names),
	    REASON_OK);
	site_names_free(names);
}

static void
a_required_certificate_is_required_on_every_listener(void **state)
{
	struct route_conf any = { 0 };
	struct route_conf certain = { .require_client_cert = true };
	struct client_facts plain = { .https = false };
	struct client_facts with = { .https = true, .cert_verified = true };

	(void)state;
	assert_true(request_tls_has_certificate(&open_site, &any, &plain));
	assert_false(request_tls_has_certificate(&open_site, &certain, &plain));
	assert_true(request_tls_has_certificate(&open_site, &certain, &with));
	assert_false(request_tls_has_certificate(&strict_site, &any, &plain));
	assert_true(request_tls_has_certificate(&strict_site, &any, &with));
	assert_true(request_tls_has_certificate(&other_site, &any, &plain));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_site_keeps_its_rules_whatever_the_handshake_named),
		cmocka_unit_test(one_name_for_both_is_one_site),
		cmocka_unit_test(plain_clients_are_of_no_site),
		cmocka_unit_test(
		    a_required_certificate_is_required_on_every_listener),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
