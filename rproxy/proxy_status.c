/*
 * Proxy-Status.  Pure; runs in the worker, for answers of our own.
 *
 *	short	gw; error=connection_refused
 *	full	gw; error=connection_refused; details="connect_refused"
 *		  ; next-hop="10.1.0.11:50000"
 *
 * Our name is the one in Via: a token, which a structured field takes as it is
 * when it begins with a letter, and in quotes otherwise (RFC 8941 section
 * 3.3.4).  Labels of servers are host names, addresses or tokens: nothing in
 * them has to be escaped.
 */
#include "rproxy/proxy_status.h"

static bool
is_letter(char c)
{
	c = ascii_lower(c);
	return c >= 'a' && c <= 'z';
}

static struct slice
details(enum reason why, const char *server, struct arena *a)
{
	if (server == NULL)
		return arena_printf(a, "; details=\"%s\"", reason_name(why));
	return arena_printf(
	    a, "; details=\"%s\"; next-hop=\"%s\"", reason_name(why), server);
}

bool
proxy_status_add(struct fields *f, const struct http_conf *http,
    enum reason why, const char *server, struct arena *a)
{
	const char *type = reason_proxy_status(why);
	const char *quote = is_letter(http->via_name[0]) ? "" : "\"";
	struct slice more = SLICE(""), value;

	if (http->proxy_status == PROXY_STATUS_OFF || type == NULL)
		return true;
	if (http->proxy_status == PROXY_STATUS_FULL)
		more = details(why, server, a);
	if (more.p == NULL)
		return false;
	value = arena_printf(a, "%s%s%s; error=%s%.*s", quote, http->via_name,
	    quote, type, SLICE_FMT(more));
	return value.p != NULL && fields_add(f, SLICE("Proxy-Status"), value);
}
