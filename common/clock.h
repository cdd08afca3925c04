/*
 * Wall-clock time as text, formatted at most once per second.  now_ms is
 * milliseconds since the epoch; clock_now_ms() costs one vDSO call.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>

#include "common/slice.h"

uint64_t clock_now_ms(void);
uint64_t clock_monotonic_ms(void);
uint64_t clock_monotonic_us(void);
/* "Mon, 23 Nov 2026 14:35:10 GMT" (RFC 9110 section 5.6.7); valid until the
 * next call. */
struct slice clock_http_date(uint64_t now_ms);
/*
 * "23/Nov/2026:14:35:10 +0000", local time zone, for access logs.  The zone
 * is read once: call tzset() before chroot() or the time is UTC.
 */
struct slice clock_clf(uint64_t now_ms);
/* "2026-11-23T14:35:10.123Z" */
struct slice clock_rfc3339(uint64_t now_ms);

#endif
