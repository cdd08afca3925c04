/*
 * Heads to bytes.  Pure; used by rproxy's workers.  RFC 9112 sections 3 to 5.
 *
 * Each call asks for its room once and then only copies.  What is written
 * has been checked where it came in, or is ours.
 */
#include <string.h>

#include "common/check.h"
#include "common/number.h"
#include "rproxy/http/h1_write.h"

/* Copies to at, where there is room; returns where it ends. */
static char *
put(char *at, struct slice s)
{
	if (s.len > 0)
		memcpy(at, s.p, s.len);
	return at + s.len;
}

static char *
put_field(char *at, struct slice name, struct slice value)
{
	at = put(at, name);
	at = put(at, SLICE(": "));
	at = put(at, value);
	return put(at, SLICE("\r\n"));
}

/* What has been put behind the tail, up to end, belongs to the buffer. */
static void
commit_to(struct buf *out, const char *end)
{
	buf_commit(out, (size_t)(end - buf_room(out)));
}

bool
h1_write_request_line(
    struct buf *out, struct slice method, struct slice target, size_t max_bytes)
{
	const struct slice version = SLICE(" HTTP/1.1\r\n");
	char *at;

	if (!buf_reserve(
		out, method.len + 1 + target.len + version.len, max_bytes))
		return false;
	at = put(buf_room(out), method);
	at = put(at, SLICE(" "));
	at = put(at, target);
	commit_to(out, put(at, version));
	return true;
}

bool
h1_write_status_line(
    struct buf *out, unsigned status, struct slice reason, size_t max_bytes)
{
	const struct slice version = SLICE("HTTP/1.1 ");
	char *at;

	CHECK(status >= 100 && status <= 999);
	if (!buf_reserve(out, version.len + 4 + reason.len + 2, max_bytes))
		return false;
	at = put(buf_room(out), version);
	at += number_format(at, status);
	at = put(at, SLICE(" "));
	at = put(at, reason);
	commit_to(out, put(at, SLICE("\r\n")));
	return true;
}

static size_t
field_bytes(struct slice name, struct slice value)
{
	return name.len + 2 + value.len + 2;
}

bool
h1_write_field(
    struct buf *out, struct slice name, struct slice value, size_t max_bytes)
{
	if (!buf_reserve(out, field_bytes(name, value), max_bytes))
		return false;
	commit_to(out, put_field(buf_room(out), name, value));
	return true;
}

bool
h1_write_fields(struct buf *out, const struct fields *f, size_t max_bytes)
{
	size_t need_bytes = 0;
	char *at;

	for (unsigned i = 0; i < f->n; i++)
		if (!f->v[i].drop)
			need_bytes += field_bytes(f->v[i].name, f->v[i].value);
	if (!buf_reserve(out, need_bytes, max_bytes))
		return false;
	at = buf_room(out);
	for (unsigned i = 0; i < f->n; i++)
		if (!f->v[i].drop)
			at = put_field(at, f->v[i].name, f->v[i].value);
	commit_to(out, at);
	return true;
}

bool
h1_write_end(struct buf *out, size_t max_bytes)
{
	return buf_append(out, "\r\n", 2, max_bytes);
}

/* The registry of RFC 9110 section 16.2 as far as HTTP itself goes. */
struct slice
h1_phrase(unsigned status)
{
	static const struct {
		unsigned status;
		const char *phrase;
	} phrases[] = {
		{ 200, "OK" },
		{ 304, "Not Modified" },
		{ 302, "Found" },
		{ 301, "Moved Permanently" },
		{ 404, "Not Found" },
		{ 100, "Continue" },
		{ 101, "Switching Protocols" },
		{ 102, "Processing" },
		{ 103, "Early Hints" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 203, "Non-Authoritative Information" },
		{ 204, "No Content" },
		{ 205, "Reset Content" },
		{ 206, "Partial Content" },
		{ 207, "Multi-Status" },
		{ 208, "Already Reported" },
		{ 226, "IM Used" },
		{ 300, "Multiple Choices" },
		{ 303, "See Other" },
		{ 305, "Use Proxy" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 402, "Payment Required" },
		{ 403, "Forbidden" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 407, "Proxy Authentication Required" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" },
		{ 423, "Locked" },
		{ 424, "Failed Dependency" },
		{ 425, "Too Early" },
		{ 426, "Upgrade Required" },
		{ 428, "Precondition Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 451, "Unavailable For Legal Reasons" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
		{ 506, "Variant Also Negotiates" },
		{ 507, "Insufficient Storage" },
		{ 508, "Loop Detected" },
		{ 511, "Network Authentication Required" },
	};

	for (size_t i = 0; i < ARRAY_LEN(phrases); i++)
		if (phrases[i].status == status)
			return slice_of(phrases[i].phrase);
	return SLICE("");
}
