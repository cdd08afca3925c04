/*
 * The table of reasons is complete and agrees with itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "rproxy/http/h1_write.h"
#include "rproxy/http/reason.h"

static void
names_every_reason_once(void **state)
{
	const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

	(void)state;
	for (unsigned i = 0; i < REASON_COUNT; i++) {
		const char *name = reason_name((enum reason)i);

		assert_non_null(name);
		assert_true(name[0] != '\0');
		assert_int_equal(strspn(name, set), strlen(name));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(
			    name, reason_name((enum reason)k));
	}
}

static void
has_a_sentence_for_every_reason(void **state)
{
	(void)state;
	for (unsigned i = 0; i < REASON_COUNT; i++) {
		const char *text = reason_text((enum reason)i);

		assert_non_null(text);
		assert_true(text[0] >= 'A' && text[0] <= 'Z');
		assert_int_equal(text[strlen(text) - 1], '.');
		/* they go into HTML as they are */
		assert_null(strpbrk(text, "<>&\""));
	}
}

static void
answers_with_the_status_of_the_party_at_fault(void **state)
{
	(void)state;
	for (unsigned i = 1; i < REASON_COUNT; i++) {
		enum reason r = (enum reason)i;
		unsigned status = reason_status(r);

		switch (reason_party(r)) {
		case PARTY_CLIENT:
			assert_true(status == 0 || status / 100 == 4 ||
				    status == 501 || status == 505);
			break;
		case PARTY_SERVER:
			assert_true(status >= 502 && status <= 504);
			break;
		case PARTY_US:
			assert_true(status >= 500 && status <= 503);
			break;
		case PARTY_NONE: /* noted, not answered */
			assert_int_equal(status, 0);
			break;
		}
		assert_true(status == 0 || h1_phrase(status).len > 0);
	}
	assert_int_equal(reason_party(REASON_OK), PARTY_NONE);
	assert_int_equal(reason_status(REASON_OK), 0);
}

static void
a_malformed_request_ends_its_connection(void **state)
{
	(void)state;
	assert_true(reason_ends_connection(REASON_BAD_HOST));
	assert_true(reason_ends_connection(REASON_AMBIGUOUS_PATH));
	assert_true(reason_ends_connection(REASON_METHOD_REFUSED));
	assert_false(reason_ends_connection(REASON_NO_ROUTE));
	assert_false(reason_ends_connection(REASON_CERT_REQUIRED));
	assert_false(reason_ends_connection(REASON_BAD_RESPONSE));
	assert_false(reason_ends_connection(REASON_CLIENT_GONE));
}

static void
uses_registered_proxy_status_types(void **state)
{
	static const char *const types[] = { "dns_timeout", "dns_error",
		"destination_not_found", "destination_unavailable",
		"destination_ip_prohibited", "destination_ip_unroutable",
		"connection_refused", "connection_terminated",
		"connection_timeout", "connection_read_timeout",
		"connection_write_timeout", "connection_limit_reached",
		"tls_protocol_error", "tls_certificate_error",
		"tls_alert_received", "http_request_error",
		"http_request_denied", "http_response_incomplete",
		"http_response_header_section_size",
		"http_response_transfer_coding", "http_response_timeout",
		"http_upgrade_failed", "http_protocol_error",
		"proxy_internal_error", "proxy_configuration_error",
		"proxy_loop_detected", NULL };

	(void)state;
	for (unsigned i = 1; i < REASON_COUNT; i++) {
		const char *type = reason_proxy_status((enum reason)i);
		unsigned k = 0;

		if (type == NULL)
			continue;
		while (types[k] != NULL && strcmp(types[k], type) != 0)
			k++;
		assert_non_null(types[k]);
	}
	assert_null(reason_proxy_status(REASON_OK));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_every_reason_once),
		cmocka_unit_test(has_a_sentence_for_every_reason),
		cmocka_unit_test(answers_with_the_status_of_the_party_at_fault),
		cmocka_unit_test(a_malformed_request_ends_its_connection),
		cmocka_unit_test(uses_registered_proxy_status_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
