#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "tlsd/worker/alert.h"
#include "tlsd/worker/handshake_failure.h"

static void
counts_each_reason_by_its_name(void **state)
{
	static const struct {
		const char *error;
		bool is_from_peer;
		const char *labels;
	} cases[] = {
		{ "http_request", false,
		    "reason=\"http_request\",by=\"server\"" },
		{ "signer_failed", false,
		    "reason=\"signer_failed\",by=\"server\"" },
		{ "unrecognized_name", false,
		    "reason=\"unrecognized_name\",by=\"server\"" },
		{ "unknown_ca", false, "reason=\"unknown_ca\",by=\"server\"" },
		{ "unknown_ca", true, "reason=\"unknown_ca\",by=\"client\"" },
		{ "certificate_expired", true,
		    "reason=\"certificate_expired\",by=\"client\"" },
		{ "unknown_alert", true,
		    "reason=\"unknown_alert\",by=\"client\"" },
		{ "protocol_error", false,
		    "reason=\"protocol_error\",by=\"server\"" },
		{ "", false, "reason=\"protocol_error\",by=\"server\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum tlsd_metric m = handshake_failure_metric(
		    cases[i].error, cases[i].is_from_peer);

		assert_string_equal(
		    tlsd_metrics[m].name, "tlsd_handshakes_failed_total");
		assert_string_equal(tlsd_metrics[m].labels, cases[i].labels);
	}
}

static void
every_alert_has_a_counter_of_its_own(void **state)
{
	(void)state;
	for (unsigned a = 1; a < 256; a++)
		for (unsigned b = 1; b < a; b++)
			if (strcmp(alert_name((uint8_t)a),
				alert_name((uint8_t)b)) != 0)
				assert_int_not_equal(
				    handshake_failure_metric(
					alert_name((uint8_t)a), true),
				    handshake_failure_metric(
					alert_name((uint8_t)b), true));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_each_reason_by_its_name),
		cmocka_unit_test(every_alert_has_a_counter_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
