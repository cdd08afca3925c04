/*
 * TLS alerts by name, in the spelling of RFC 8446 section 6: these are the
 * reasons in the log and at the metrics.  Pure; used by the worker.
 */
#include "tlsd/alerts.h"

#include <stddef.h>

#include "tlsd/worker/alert.h"

const char *
alert_name(uint8_t description)
{
	switch (description) {
#define X(number, NAME, text)                                                  \
	case number:                                                           \
		return text;
		TLSD_ALERTS(X)
#undef X
	default: /* the registry's numbers, not ours */
		return "unknown_alert";
	}
}
