/*
 * What time it is.  Runs in every process; no locks, as each has one thread.
 *
 * The texts are made by hand: strftime() would ask the locale for the names
 * of days and months, and RFC 9110 section 5.6.7 wants them in English.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/check.h"
#include "common/clock.h"

static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri",
	"Sat" };
static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

/* One format's last text, and the second it was made for. */
struct text {
	uint64_t second;
	size_t len; /* 0: none yet */
	char s[64];
};

static uint64_t
read_clock(clockid_t id, uint64_t per_second)
{
	struct timespec t;

	CHECK(clock_gettime(id, &t) == 0);
	return (uint64_t)t.tv_sec * per_second +
	       (uint64_t)t.tv_nsec / (1000000000 / per_second);
}

uint64_t
clock_now_ms(void)
{
	return read_clock(CLOCK_REALTIME, 1000);
}

uint64_t
clock_monotonic_ms(void)
{
	return read_clock(CLOCK_MONOTONIC, 1000);
}

uint64_t
clock_monotonic_us(void)
{
	return read_clock(CLOCK_MONOTONIC, 1000000);
}

static bool
is_fresh(const struct text *t, uint64_t now_ms)
{
	return t->len > 0 && t->second == now_ms / 1000;
}

static struct slice
keep(struct text *t, uint64_t now_ms, int len)
{
	CHECK(len > 0 && (size_t)len < sizeof(t->s));
	t->len = (size_t)len;
	t->second = now_ms / 1000;
	return (struct slice){ t->s, t->len };
}

static struct tm
utc(uint64_t now_ms)
{
	time_t t = (time_t)(now_ms / 1000);
	struct tm tm;

	CHECK(gmtime_r(&t, &tm) != NULL);
	return tm;
}

struct slice
clock_http_date(uint64_t now_ms)
{
	static struct text text;
	struct tm tm;

	if (is_fresh(&text, now_ms))
		return (struct slice){ text.s, text.len };
	tm = utc(now_ms);
	return keep(&text, now_ms,
	    snprintf(text.s, sizeof(text.s),
		"%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
		tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
		tm.tm_min, tm.tm_sec));
}

struct slice
clock_clf(uint64_t now_ms)
{
	static struct text text;
	time_t t = (time_t)(now_ms / 1000);
	struct tm tm;
	long off, abs_off;

	if (is_fresh(&text, now_ms))
		return (struct slice){ text.s, text.len };
	CHECK(localtime_r(&t, &tm) != NULL);
	off = tm.tm_gmtoff / 60;
	abs_off = off < 0 ? -off : off;
	return keep(&text, now_ms,
	    snprintf(text.s, sizeof(text.s),
		"%02d/%s/%04d:%02d:%02d:%02d %c%02ld%02ld", tm.tm_mday,
		months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		tm.tm_sec, off < 0 ? '-' : '+', abs_off / 60, abs_off % 60));
}

struct slice
clock_rfc3339(uint64_t now_ms)
{
	static struct text text;
	unsigned ms = (unsigned)(now_ms % 1000);
	struct tm tm;

	if (!is_fresh(&text, now_ms)) {
		tm = utc(now_ms);
		keep(&text, now_ms,
		    snprintf(text.s, sizeof(text.s),
			"%04d-%02d-%02dT%02d:%02d:%02d.000Z", tm.tm_year + 1900,
			tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
			tm.tm_sec));
	}
	text.s[text.len - 4] = (char)('0' + ms / 100);
	text.s[text.len - 3] = (char)('0' + ms / 10 % 10);
	text.s[text.len - 2] = (char)('0' + ms % 10);
	return (struct slice){ text.s, text.len };
}
