/*
 * The lines of a head, strictly.  Pure; used by h1_read.c, beside llhttp.
 * RFC 9112 sections 3, 4 and 5.
 */
#include <string.h>

#include "rproxy/http/field_values.h"
#include "rproxy/http/h1_line.h"

static bool
has_cr(struct slice s)
{
	return s.len > 0 && memchr(s.p, '\r', s.len) != NULL;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.1", exactly: RFC 9112 section 2.3. */
static enum reason
check_version(struct slice s, unsigned *minor)
{
	if (s.len != 8 || memcmp(s.p, "HTTP/", 5) != 0 || s.p[6] != '.' ||
	    !is_digit(s.p[5]) || !is_digit(s.p[7]))
		return REASON_BAD_REQUEST_LINE;
	if (s.p[5] != '1' || s.p[7] > '1')
		return REASON_BAD_VERSION;
	*minor = (unsigned)(s.p[7] - '0');
	return REASON_OK;
}

/* One space between the three parts.  What is in the target: target.c. */
enum reason
h1_line_request(struct slice line, struct request_head *out)
{
	struct slice rest, version;
	size_t n = slice_find(line, ' ');
	enum reason why;

	if (has_cr(line))
		return REASON_BAD_LINE_END;
	out->method = slice_first(line, n);
	rest = slice_from(line, n + 1);
	if (!is_token(out->method) || rest.len == 0 || rest.p[0] == ' ')
		return REASON_BAD_REQUEST_LINE;
	for (n = rest.len; n > 0 && rest.p[n - 1] != ' ';)
		n--;
	version = slice_from(rest, n);
	why = n == 0 ? REASON_BAD_REQUEST_LINE
		     : check_version(version, &out->minor);
	if (why != REASON_OK)
		return why;
	out->target = slice_first(rest, n - 1);
	if (slice_find(out->target, ' ') < out->target.len)
		return REASON_BAD_TARGET;
	out->method_id = method_of(out->method);
	return REASON_OK;
}

/*
 * The space behind the status code may be missing where there is no reason
 * phrase: servers do that, and nobody reads it differently.
 */
enum reason
h1_line_status(struct slice line, struct response_head *out)
{
	enum reason why = check_version(slice_first(line, 8), &out->minor);
	const char *p = line.p;

	if (why != REASON_OK)
		return why;
	if (line.len < 12 || p[8] != ' ' || !is_digit(p[9]) ||
	    !is_digit(p[10]) || !is_digit(p[11]) || p[9] == '0')
		return REASON_BAD_RESPONSE;
	out->status = (unsigned)(p[9] - '0') * 100 +
		      (unsigned)(p[10] - '0') * 10 + (unsigned)(p[11] - '0');
	out->reason = slice_from(line, 13);
	if (line.len > 12 && p[12] != ' ')
		return REASON_BAD_RESPONSE;
	return is_field_value(out->reason) ? REASON_OK : REASON_BAD_RESPONSE;
}

/* A tab around it is no space to every reader; then the length is ours only. */
static enum reason
check_tabs(enum field_id id, struct slice raw)
{
	if (id != FIELD_CONTENT_LENGTH && id != FIELD_TRANSFER_ENCODING)
		return REASON_OK;
	if (slice_find(raw, '\t') == raw.len)
		return REASON_OK;
	return id == FIELD_CONTENT_LENGTH ? REASON_BAD_LENGTH
					  : REASON_BAD_CODING;
}

/* What is wrong with the line that the section begins with; it has CRLF. */
static enum reason
fault_of(struct slice section)
{
	struct slice line = slice_first(section, slice_find(section, '\n') - 1);
	size_t n = token_len(line);

	if (line.p[0] == ' ' || line.p[0] == '\t')
		return REASON_FOLDED_FIELD;
	if (has_cr(line))
		return REASON_BAD_LINE_END;
	if (n == 0 || n == line.len || line.p[n] != ':')
		return REASON_BAD_FIELD_NAME;
	return REASON_BAD_FIELD_VALUE;
}

/* One line off *rest: a token, a colon, field characters, CRLF. */
static bool
take_field(struct slice *rest, struct slice *name, struct slice *raw)
{
	size_t n = token_len(*rest);
	struct slice behind = slice_from(*rest, n + 1);
	size_t len = field_value_len(behind);

	if (n == 0 || n == rest->len || rest->p[n] != ':' ||
	    behind.len - len < 2 || behind.p[len] != '\r' ||
	    behind.p[len + 1] != '\n')
		return false;
	*name = slice_first(*rest, n);
	*raw = slice_first(behind, len);
	*rest = slice_from(behind, len + 2);
	return true;
}

/* RFC 9112 section 5, RFC 9110 sections 5.1 and 5.5. */
enum reason
h1_line_fields(struct slice section, struct fields *f)
{
	struct slice name, raw;

	while (section.len > 2) {
		enum reason why;

		if (!take_field(&section, &name, &raw))
			return fault_of(section);
		if (!fields_add(f, name, slice_trim(raw)))
			return REASON_NO_MEMORY;
		why = check_tabs(f->v[f->n - 1].id, raw);
		if (why != REASON_OK)
			return why;
	}
	return REASON_OK;
}
