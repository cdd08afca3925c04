/*
 * Access log formats.  Pure; runs in the worker.
 *
 *	common    client - - [time] "request line" status bytes
 *	combined  common "referer" "user agent"
 *	json      one object per line, all that is known
 *
 * Whatever a client sent is escaped so that a line stays a line and a field a
 * field: control characters, quotes, backslashes and non-ASCII bytes as \xNN.
 * In JSON they are \uNNNN: what is UTF-8 by its characters, other bytes each as
 * \u00NN, which keeps the line valid whatever the bytes were.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/clock.h"
#include "rproxy/access_line.h"

#define FIELD_MAX_BYTES 4096 /* of one value; the rest is cut */

struct line {
	struct buf *out;
	size_t max_bytes;
	bool failed;
};

static void
put(struct line *l, struct slice s)
{
	if (!l->failed && !buf_append(l->out, s.p, s.len, l->max_bytes))
		l->failed = true;
}

static void put_fmt(struct line *l, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
put_fmt(struct line *l, const char *fmt, ...)
{
	char text[128];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		put(l, (struct slice){ text, (size_t)n });
}

static bool
is_plain(char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/*
 * The character at the beginning of s and its length in bytes, RFC 3629; where
 * it is no UTF-8, the byte that is there.
 */
static size_t
read_character(struct slice s, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)s.p[0];
	size_t len = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t c = len > 1 ? first & (0x7fu >> len) : first;

	*code = first;
	if (len > s.len || first >= 0xf8)
		return 1;
	for (size_t i = 1; i < len; i++) {
		if (((unsigned char)s.p[i] & 0xc0) != 0x80)
			return 1;
		c = c << 6 | ((unsigned char)s.p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 1;
	*code = c;
	return len;
}

/* The bytes that were read; RFC 8259 section 7. */
static size_t
put_json_escape(struct line *l, struct slice s)
{
	uint32_t code;
	size_t len = read_character(s, &code);

	if (code < 0x10000)
		put_fmt(l, "\\u%04x", code);
	else
		put_fmt(l, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10),
		    0xdc00 + (code & 0x3ff));
	return len;
}

static size_t
put_byte_escape(struct line *l, struct slice s)
{
	put_fmt(l, "\\x%02x", (unsigned char)s.p[0]);
	return 1;
}

static void
put_escaped(struct line *l, struct slice s,
    size_t (*put_escape)(struct line *l, struct slice s))
{
	s = slice_first(s, FIELD_MAX_BYTES);
	while (s.len > 0) {
		size_t n = 0;
		while (n < s.len && is_plain(s.p[n]))
			n++;
		put(l, slice_first(s, n));
		s = slice_from(s, n);
		if (s.len > 0)
			s = slice_from(s, put_escape(l, s));
	}
}

static void
put_or_dash(struct line *l, struct slice s)
{
	if (s.len == 0)
		put(l, SLICE("-"));
	else
		put_escaped(l, s, put_byte_escape);
}

static void
write_common(struct line *l, const struct access_entry *e)
{
	put_or_dash(l, e->client);
	put(l, SLICE(" - - ["));
	put(l, clock_clf(e->time_ms));
	put(l, SLICE("] \""));
	if (e->method.len == 0) {
		put_or_dash(l, e->refused_line);
	} else {
		put_escaped(l, e->method, put_byte_escape);
		put(l, SLICE(" "));
		put_escaped(l, e->target, put_byte_escape);
		put_fmt(l, " HTTP/1.%u", e->minor);
	}
	put_fmt(l, "\" %03u ", e->status);
	if (e->body_bytes == 0)
		put(l, SLICE("-"));
	else
		put_fmt(l, "%" PRIu64, e->body_bytes);
}

static void
write_combined(struct line *l, const struct access_entry *e)
{
	write_common(l, e);
	put(l, SLICE(" \""));
	put_or_dash(l, e->referer);
	put(l, SLICE("\" \""));
	put_or_dash(l, e->user_agent);
	put(l, SLICE("\""));
}

/* A member that is not known is left out. */
static void
put_text(struct line *l, const char *name, struct slice value)
{
	if (value.len == 0)
		return;
	put_fmt(l, ",\"%s\":\"", name);
	put_escaped(l, value, put_json_escape);
	put(l, SLICE("\""));
}

static void
put_number(struct line *l, const char *name, int64_t value)
{
	if (value >= 0)
		put_fmt(l, ",\"%s\":%" PRId64, name, value);
}

static void
write_json(struct line *l, const struct access_entry *e)
{
	put(l, SLICE("{\"time\":\""));
	put(l, clock_rfc3339(e->time_ms));
	put(l, SLICE("\""));
	put_text(l, "id", e->id);
	put_text(l, "client", e->client);
	put_text(l, "scheme", e->https ? SLICE("https") : SLICE("http"));
	put_text(l, "host", e->host);
	put_text(l, "refused_line", e->refused_line);
	put_text(l, "method", e->method);
	put_text(l, "target", e->target);
	put_number(l, "minor", (int64_t)e->minor);
	put_number(l, "status", (int64_t)e->status);
	put_text(l, "reason", e->reason);
	put_number(l, "bytes", (int64_t)e->body_bytes);
	put_number(l, "request_bytes", (int64_t)e->request_bytes);
	put_number(l, "ms", (int64_t)e->total_ms);
	put_number(l, "connect_ms", e->connect_ms);
	put_number(l, "head_ms", e->head_ms);
	put_text(l, "site", e->site);
	put_text(l, "route", e->route);
	put_text(l, "pool", e->pool);
	put_text(l, "server", e->server);
	if (e->server.len > 0) {
		put_number(l, "reused", e->is_reused);
		put_number(l, "retries", (int64_t)e->n_retries);
	}
	put_text(l, "tls", e->tls_version);
	put_text(l, "cipher", e->tls_cipher);
	put_text(l, "cert_subject", e->cert_subject);
	put_text(l, "referer", e->referer);
	put_text(l, "user_agent", e->user_agent);
	put(l, SLICE("}"));
}

bool
access_line_write(struct buf *out, enum access_log_format format,
    const struct access_entry *e)
{
	struct line l = {
		.out = out,
		.max_bytes = buf_len(out) + ACCESS_LINE_MAX,
	};

	switch (format) {
	case ACCESS_LOG_COMMON:
		write_common(&l, e);
		break;
	case ACCESS_LOG_COMBINED:
		write_combined(&l, e);
		break;
	case ACCESS_LOG_JSON:
		write_json(&l, e);
		break;
	}
	put(&l, SLICE("\n"));
	return !l.failed;
}
