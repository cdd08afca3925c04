/*
 * Parsers for the values of a site file.  Pure; used at start-up only, so
 * they allocate with mem_need().
 *
 * URLs follow RFC 3986 as far as "scheme://host:port" goes, header lines
 * RFC 9110 section 5, host names RFC 1123 section 2.1 (with '_', which inner
 * networks use).
 */
#include "common/site_value.h"

#include <string.h>

#include "common/addr.h"
#include "common/check.h"
#include "common/mem.h"
#include "common/number.h"

#define MAX_HOST 253 /* RFC 1035 section 2.3.4, as text without final dot */
#define MAX_LABEL 63
#define MAX_WEIGHT 256

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

static bool
is_visible(char c)
{
	return c > 0x20 && c < 0x7f;
}

static bool
is_label(struct slice label)
{
	if (label.len == 0 || label.len > MAX_LABEL)
		return false;
	for (size_t i = 0; i < label.len; i++) {
		char c = label.p[i];

		if (!is_alnum(c) && c != '-' && c != '_')
			return false;
	}
	return label.p[0] != '-' && label.p[label.len - 1] != '-';
}

static bool
is_host_name(struct slice text)
{
	struct slice rest = text;
	struct slice label;

	if (text.len == 0 || text.len > MAX_HOST)
		return false;
	while (slice_split(&rest, '.', &label))
		if (!is_label(label))
			return false;
	return true;
}

/* Four numbers and dots only: an address, or a slip in one. */
static bool
is_numeric(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] != '.' && (text.p[i] < '0' || text.p[i] > '9'))
			return false;
	return true;
}

static bool
is_host(struct slice text)
{
	struct addr ignored;

	if (is_numeric(text) || slice_find(text, ':') < text.len)
		return addr_parse_ip(text, 0, &ignored);
	return is_host_name(text);
}

static char *
dup_lower(struct slice text)
{
	char *copy = slice_dup(text);

	for (char *p = copy; *p != '\0'; p++)
		*p = ascii_lower(*p);
	return copy;
}

bool
site_value_name(struct slice text, const char **error)
{
	struct slice host = text;

	if (slice_starts_with(text, SLICE("*.")))
		host = slice_from(text, 2);
	if (slice_find(host, '*') < host.len) {
		*error = "'*' may only stand for the first label, as in "
			 "*.example.com";
		return false;
	}
	if (host.len > 0 && host.p[0] == '[') {
		*error = "write an IPv6 address without brackets";
		return false;
	}
	if (!is_host(host) || (host.len != text.len && is_numeric(host))) {
		*error = "not a host name, one name or address without port "
			 "is allowed in a line";
		return false;
	}
	return true;
}

/* Takes "http://" or "https://" off *text. */
static bool
take_scheme(struct slice *text, bool *https, const char **error)
{
	static const struct slice http = { "http://", 7 };
	static const struct slice tls = { "https://", 8 };

	*https = slice_starts_with_nocase(*text, tls);
	if (!*https && !slice_starts_with_nocase(*text, http)) {
		*error = "write http://HOST:PORT or https://HOST:PORT";
		return false;
	}
	*text = slice_from(*text, *https ? tls.len : http.len);
	return true;
}

/* "host", "host:port", "[2001:db8::1]:port"; the port may be missing. */
static bool
take_host_port(struct slice text, struct slice *host, uint64_t *port)
{
	struct slice after;
	size_t end = slice_find(text, ':');

	if (text.len > 0 && text.p[0] == '[') {
		end = slice_find(text, ']');
		if (end == text.len)
			return false;
		*host = slice_first(slice_from(text, 1), end - 1);
		if (slice_find(*host, ':') == host->len)
			return false;
		end++;
	} else
		*host = slice_first(text, end);
	after = slice_from(text, end);
	if (!is_host(*host))
		return false;
	if (after.len == 0)
		return true;
	return after.p[0] == ':' && number_parse(slice_from(after, 1), port) &&
	       *port >= 1 && *port <= UINT16_MAX;
}

bool
site_value_authority(
    struct slice text, struct authority_conf *out, const char **error)
{
	struct slice host = SLICE_NONE;
	uint64_t port = 0;
	bool https = false;

	if (!take_scheme(&text, &https, error))
		return false;
	if (slice_find(text, '@') < text.len) {
		*error = "user names are not allowed in a URL here";
		return false;
	}
	if (text.len > 0 && text.p[text.len - 1] == '/')
		text.len--;
	if (slice_find(text, '/') < text.len ||
	    slice_find(text, '?') < text.len) {
		*error = "no path is allowed here, paths are mapped by \"to\" "
			 "of the route";
		return false;
	}
	port = https ? 443 : 80;
	if (!take_host_port(text, &host, &port)) {
		*error = "malformed host or port, write HOST, HOST:PORT or "
			 "[IPV6]:PORT";
		return false;
	}
	out->https = https;
	out->port = (uint16_t)port;
	out->host = dup_lower(host);
	return true;
}

bool
site_value_is_token(struct slice text)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (!is_alnum(c) && (c == '\0' || strchr(marks, c) == NULL))
			return false;
	}
	return text.len > 0;
}

/* One word behind the URL of a server. */
static bool
take_option(struct slice word, struct server_conf *out, const char **error)
{
	uint64_t weight = 0;

	if (slice_starts_with(word, SLICE("id=")) && out->id == NULL) {
		struct slice id = slice_from(word, 3);

		*error = "malformed id, letters, digits and \"-._\" are usual";
		if (!site_value_is_token(id))
			return false;
		out->id = slice_dup(id);
		return true;
	}
	if (slice_starts_with(word, SLICE("weight=")) && out->weight == 0) {
		*error = "malformed weight, a number from 1 to 256 is allowed";
		if (!number_parse(slice_from(word, 7), &weight) || weight < 1 ||
		    weight > MAX_WEIGHT)
			return false;
		out->weight = (unsigned)weight;
		return true;
	}
	*error = "unknown or repeated word behind the URL, one id=ID and one "
		 "weight=N are allowed";
	return false;
}

/* The next word between blanks; false at the end. */
static bool
next_word(struct slice *rest, struct slice *word)
{
	size_t end = 0;

	*rest = slice_trim(*rest);
	while (end < rest->len && rest->p[end] != ' ' && rest->p[end] != '\t')
		end++;
	*word = slice_first(*rest, end);
	*rest = slice_from(*rest, end);
	return end > 0;
}

bool
site_value_server(
    struct slice text, struct server_conf *out, const char **error)
{
	struct authority_conf where = { 0 };
	struct slice rest = text;
	struct slice word;

	if (!next_word(&rest, &word)) {
		*error = "write http://HOST:PORT";
		return false;
	}
	if (!site_value_authority(word, &where, error))
		return false;
	out->https = where.https;
	out->host = where.host;
	out->port = where.port;
	while (next_word(&rest, &word)) {
		if (take_option(word, out, error))
			continue;
		mem_free(out->host);
		mem_free(out->id);
		out->host = out->id = NULL;
		return false;
	}
	if (out->weight == 0)
		out->weight = 1;
	return true;
}

/*
 * Fields that say where a message ends, where it goes, or that hold for one
 * connection only: the gateway writes them itself, always.
 */
static bool
is_reserved(struct slice name)
{
	static const char *const reserved[] = {
		"Connection",
		"Content-Length",
		"Host",
		"HTTP2-Settings",
		"Keep-Alive",
		"Proxy-Connection",
		"TE",
		"Trailer",
		"Transfer-Encoding",
		"Upgrade",
		"Via",
	};

	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (slice_eq_nocase(name, slice_of(reserved[i])))
			return true;
	return false;
}

static bool
check_header_name(struct slice name, const char **error)
{
	if (!site_value_is_token(name)) {
		*error = "malformed header name, letters, digits and "
			 "!#$%&'*+-.^_`|~ are allowed";
		return false;
	}
	if (is_reserved(name)) {
		*error = "this field is the gateway's own: it frames or "
			 "routes the message (see via, preserve_host)";
		return false;
	}
	return true;
}

bool
site_value_header(
    struct slice text, struct header_conf *out, const char **error)
{
	size_t colon = slice_find(text, ':');
	struct slice name = slice_first(text, colon);
	struct slice value = slice_trim(slice_from(text, colon + 1));

	if (colon == text.len) {
		*error = "write NAME: VALUE";
		return false;
	}
	if (!check_header_name(name, error))
		return false;
	for (size_t i = 0; i < value.len; i++) {
		if (!is_visible(value.p[i]) && value.p[i] != ' ') {
			*error = "malformed header value, printable ASCII is "
				 "allowed";
			return false;
		}
	}
	out->name = slice_dup(name);
	out->value = slice_dup(value);
	return true;
}

bool
site_value_header_name(
    struct slice text, struct header_conf *out, const char **error)
{
	if (!check_header_name(text, error))
		return false;
	out->name = slice_dup(text);
	out->value = mem_need_strdup("");
	return true;
}

bool
site_value_url_path(struct slice text, const char **error)
{
	*error = "not a path, it must start with one '/' and be visible ASCII "
		 "without '#' and '\\'";
	if (text.len == 0 || text.p[0] != '/')
		return false;
	/* "//host" is another server to a browser */
	if (text.len > 1 && text.p[1] == '/')
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!is_visible(text.p[i]) || text.p[i] == '#' ||
		    text.p[i] == '\\')
			return false;
	return true;
}

static bool
is_segment(struct slice segment)
{
	if (segment.len == 0 || slice_eq(segment, SLICE(".")) ||
	    slice_eq(segment, SLICE("..")))
		return false;
	for (size_t i = 0; i < segment.len; i++)
		if (strchr("?%;", segment.p[i]) != NULL)
			return false;
	return true;
}

bool
site_value_prefix(struct slice text, const char **error)
{
	struct slice rest = slice_from(text, 1);
	struct slice segment;

	if (!site_value_url_path(text, error))
		return false;
	if (rest.len > 0 && rest.p[rest.len - 1] == '/')
		rest.len--;
	if (rest.len == 0)
		return true;
	*error = "not a plain path: '?', '%', ';', \"//\", \".\" and \"..\" "
		 "are not allowed";
	while (slice_split(&rest, '/', &segment))
		if (!is_segment(segment))
			return false;
	return true;
}
