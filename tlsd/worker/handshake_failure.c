/*
 * Reasons of failed handshakes and their counters.  Pure; used by the worker.
 */
#include <string.h>

#include "common/check.h"
#include "tlsd/worker/handshake_failure.h"

static const struct {
	const char *error;
	enum tlsd_metric ours;
	enum tlsd_metric theirs;
} reasons[] = { { "http_request", TLSD_FAILED_NOT_TLS, TLSD_FAILED_NOT_TLS },
	{ "signer_failed", TLSD_FAILED_SIGNER, TLSD_FAILED_SIGNER },
#define X(number, NAME, text) { text, TLSD_SENT_##NAME, TLSD_RECEIVED_##NAME },
	TLSD_ALERTS(X)
#undef X
};

enum tlsd_metric
handshake_failure_metric(const char *error, bool is_from_peer)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (strcmp(reasons[i].error, error) == 0)
			return is_from_peer ? reasons[i].theirs
					    : reasons[i].ours;
	return TLSD_FAILED_OTHER;
}
