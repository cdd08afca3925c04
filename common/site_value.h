/*
 * The values of a site file that have a form of their own: host names, server
 * URLs, header lines, paths.  Pure: text in, struct or verdict out.  *error
 * is a constant text that says what is allowed.
 */
#ifndef COMMON_SITE_VALUE_H
#define COMMON_SITE_VALUE_H

#include <stdbool.h>

#include "common/site_conf.h"
#include "common/slice.h"

/* "portal.example.com", "*.example.com", "192.0.2.1", "2001:db8::1". */
bool site_value_name(struct slice text, const char **error);

/*
 * "http://host[:port]", "https://..." with nothing behind it but '/'.
 * Without a port the scheme's own.  out->host is owned by the caller.
 */
bool site_value_authority(
    struct slice text, struct authority_conf *out, const char **error);

/* An authority, then "id=TOKEN" and "weight=1..256" in any order. */
bool site_value_server(
    struct slice text, struct server_conf *out, const char **error);

/* "Name: value"; a field of framing or of one hop is refused. */
bool site_value_header(
    struct slice text, struct header_conf *out, const char **error);
/* "Name" alone, the same names refused. */
bool site_value_header_name(
    struct slice text, struct header_conf *out, const char **error);

/* RFC 9110 section 5.6.2 */
bool site_value_is_token(struct slice text);

/* "/...": visible ASCII, no "//" in front, no fragment, no backslash. */
bool site_value_url_path(struct slice text, const char **error);
/* The same without query, escapes, ";", dot segments and "//". */
bool site_value_prefix(struct slice text, const char **error);

#endif
