/*
 * The request line of the admin socket's HTTP server.  Pure; runs in the
 * master.  The fields are not looked at: whatever they say, the answer is
 * the same and the connection ends after it.
 */
#include "common/admin_request.h"

static bool
is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (ascii_lower(s.p[i]) < 'a' || ascii_lower(s.p[i]) > 'z')
			return false;
	return s.len > 0;
}

enum admin_verdict
admin_request_parse(struct slice in, struct slice *path)
{
	size_t end = slice_find_slice(in, SLICE("\r\n\r\n"));
	struct slice line, method, target;

	if (end == in.len)
		return ADMIN_MORE;
	line = slice_first(in, slice_find(in, '\r'));
	if (!slice_split(&line, ' ', &method) ||
	    !slice_split(&line, ' ', &target))
		return ADMIN_BAD;
	/* HTTP-version, RFC 9112 section 2.3 */
	if (!is_token(method) || target.len == 0 || target.p[0] != '/' ||
	    line.len != 8 || !slice_starts_with(line, SLICE("HTTP/1.")))
		return ADMIN_BAD;
	if (slice_eq(method, SLICE("POST")) &&
	    slice_eq(target, SLICE("/takeover")))
		return ADMIN_TAKEOVER;
	if (!slice_eq(method, SLICE("GET")))
		return ADMIN_NOT_A_GET;
	*path = slice_first(target, slice_find(target, '?'));
	return ADMIN_DONE;
}
