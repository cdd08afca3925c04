#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "tlsd/worker/handshake_failure.h"

static void
sorts_our_own_alerts_by_what_the_operator_can_do(void **state)
{
	static const struct {
		const char *error;
		enum tlsd_metric want;
	} cases[] = {
		{ "http_request", TLSD_FAILED_NOT_TLS },
		{ "signer_failed", TLSD_FAILED_SIGNER },
		{ "unrecognized_name", TLSD_FAILED_NAME },
		{ "protocol_version", TLSD_FAILED_NO_COMMON },
		{ "handshake_failure", TLSD_FAILED_NO_COMMON },
		{ "no_application_protocol", TLSD_FAILED_NO_COMMON },
		{ "certificate_required", TLSD_FAILED_CLIENT_CERT },
		{ "certificate_expired", TLSD_FAILED_CLIENT_CERT },
		{ "unknown_ca", TLSD_FAILED_CLIENT_CERT },
		{ "decode_error", TLSD_FAILED_OTHER },
		{ "protocol_error", TLSD_FAILED_OTHER },
		{ "", TLSD_FAILED_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(cases[i].want,
		    handshake_failure_class(cases[i].error, false));
}

static void
an_alert_from_the_client_is_its_own_class_whatever_it_says(void **state)
{
	(void)state;
	assert_int_equal(
	    TLSD_FAILED_BY_CLIENT, handshake_failure_class("unknown_ca", true));
	assert_int_equal(TLSD_FAILED_BY_CLIENT,
	    handshake_failure_class("certificate_expired", true));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    sorts_our_own_alerts_by_what_the_operator_can_do),
		cmocka_unit_test(
		    an_alert_from_the_client_is_its_own_class_whatever_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
