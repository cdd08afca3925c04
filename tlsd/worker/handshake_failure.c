/*
 * Reasons of failed handshakes and their classes.  Pure; used by the worker.
 * The names of alerts are those of RFC 8446 section 6.
 */
#include <string.h>

#include "common/check.h"
#include "tlsd/worker/handshake_failure.h"

static const struct {
	const char *error;
	enum tlsd_metric class;
} classes[] = {
	{ "http_request", TLSD_FAILED_NOT_TLS },
	{ "signer_failed", TLSD_FAILED_SIGNER },
	{ "unrecognized_name", TLSD_FAILED_NAME },
	{ "handshake_failure", TLSD_FAILED_NO_COMMON },
	{ "protocol_version", TLSD_FAILED_NO_COMMON },
	{ "insufficient_security", TLSD_FAILED_NO_COMMON },
	{ "inappropriate_fallback", TLSD_FAILED_NO_COMMON },
	{ "no_application_protocol", TLSD_FAILED_NO_COMMON },
	{ "bad_certificate", TLSD_FAILED_CLIENT_CERT },
	{ "unsupported_certificate", TLSD_FAILED_CLIENT_CERT },
	{ "certificate_revoked", TLSD_FAILED_CLIENT_CERT },
	{ "certificate_expired", TLSD_FAILED_CLIENT_CERT },
	{ "certificate_unknown", TLSD_FAILED_CLIENT_CERT },
	{ "certificate_required", TLSD_FAILED_CLIENT_CERT },
	{ "unknown_ca", TLSD_FAILED_CLIENT_CERT },
};

enum tlsd_metric
handshake_failure_class(const char *error, bool is_from_peer)
{
	if (is_from_peer)
		return TLSD_FAILED_BY_CLIENT;
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (strcmp(classes[i].error, error) == 0)
			return classes[i].class;
	return TLSD_FAILED_OTHER;
}
