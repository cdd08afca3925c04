/*
 * Pages of our own.  Pure; runs in the worker.
 *
 * Self-contained: no script, no picture, no font, nothing to be fetched.
 * What comes from outside (a Location, an identifier) is escaped.
 */
#include <stdio.h>
#include <string.h>

#include "rproxy/error_page.h"

#define LOCATION_MAX 2048 /* five bytes each when escaped */

static bool
put(struct buf *out, const char *text)
{
	return buf_append(out, text, strlen(text), ERROR_PAGE_MAX);
}

static bool
put_escaped(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		const char *name = NULL;
		if (s.p[i] == '<')
			name = "&lt;";
		else if (s.p[i] == '>')
			name = "&gt;";
		else if (s.p[i] == '&')
			name = "&amp;";
		else if (s.p[i] == '"')
			name = "&#34;";
		if (!(name != NULL
			    ? put(out, name)
			    : buf_append(out, s.p + i, 1, ERROR_PAGE_MAX)))
			return false;
	}
	return true;
}

static bool
put_start(struct buf *out, unsigned status, struct slice phrase)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%u ", status);
	return put(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
			"<meta charset=\"utf-8\">\n"
			"<meta name=\"viewport\" "
			"content=\"width=device-width\">\n<title>") &&
	       put(out, number) && put_escaped(out, phrase) &&
	       put(out, "</title>\n"
			"<style>body{font:16px/1.5 sans-serif;max-width:36em;"
			"margin:4em auto;padding:0 1em;color:#222}"
			"h1{font-size:1.4em}small{color:#666}</style>\n"
			"</head>\n<body>\n<h1>") &&
	       put(out, number) && put_escaped(out, phrase) &&
	       put(out, "</h1>\n<p>");
}

bool
error_page_write(struct buf *out, unsigned status, struct slice phrase,
    const char *text, struct slice id)
{
	return put_start(out, status, phrase) &&
	       put_escaped(out, slice_of(text)) &&
	       put(out, "</p>\n<p><small>If this keeps happening, tell the "
			"operator of this site the number ") &&
	       put_escaped(out, id) &&
	       put(out, ".</small></p>\n</body>\n</html>\n");
}

/* An identifier comes from tlsd, or from whoever stands in its place. */
static bool
put_json(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		bool plain = s.p[i] >= ' ' && s.p[i] <= '~' && s.p[i] != '"' &&
			     s.p[i] != '\\';

		if (!buf_append(out, plain ? s.p + i : "?", 1, ERROR_PAGE_MAX))
			return false;
	}
	return true;
}

bool
error_page_write_json(struct buf *out, unsigned status, struct slice phrase,
    const char *text, struct slice id)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%u", status);
	return put(out, "{\"type\":\"about:blank\",\"title\":\"") &&
	       put_json(out, phrase) && put(out, "\",\"status\":") &&
	       put(out, number) && put(out, ",\"detail\":\"") &&
	       put_json(out, slice_of(text)) && put(out, "\",\"id\":\"") &&
	       put_json(out, id) && put(out, "\"}\n");
}

bool
error_page_write_redirect(struct buf *out, unsigned status, struct slice phrase,
    struct slice location)
{
	if (!put_start(out, status, phrase))
		return false;
	if (location.len > LOCATION_MAX)
		return put(out, "The page has moved.</p>\n</body>\n</html>\n");
	return put(out, "The page is <a href=\"") &&
	       put_escaped(out, location) &&
	       put(out, "\">here</a>.</p>\n</body>\n</html>\n");
}
