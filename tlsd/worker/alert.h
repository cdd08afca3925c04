/*
 * TLS alerts by name.  Pure.
 */
#ifndef TLSD_WORKER_ALERT_H
#define TLSD_WORKER_ALERT_H

#include <stdint.h>

/* RFC 8446 section 6 and the registry; "unknown_alert" for the rest. */
const char *alert_name(uint8_t description);

#endif
