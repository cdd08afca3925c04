/*
 * The [http] section of a site file as a table.  For common/site_schema.c;
 * what a value has to look like is in common/site_value.h and
 * common/site_rule_value.h.
 */
#include "common/site_http_schema.h"

#include <string.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/site_conf.h"
#include "common/site_hop_take.h"
#include "common/site_take.h"
#include "common/site_value.h"

static void
take_text_if(const struct schema_value *v, bool good, const char *error)
{
	char **field = v->field;

	if (!good) {
		schema_fault(v, "\"%s\": %s", v->text, error);
		return;
	}
	mem_free(*field);
	*field = mem_need_strdup(v->text);
}

static void
take_url_path(const struct schema_value *v)
{
	const char *error = "";
	bool good = site_value_url_path(slice_of(v->text), &error);

	take_text_if(v, good, error);
}

static void
take_via_name(const struct schema_value *v)
{
	take_text_if(v, site_value_is_token(slice_of(v->text)),
	    "letters, digits and !#$%&'*+-.^_`|~ are allowed");
}

typedef bool
header_parser(struct slice text, struct header_conf *out, const char **error);

static bool
has_header(const struct header_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (slice_eq_nocase(slice_of(l->v[i].name), slice_of(name)))
			return true;
	return false;
}

static void
add_header(const struct schema_value *v, header_parser *parse)
{
	struct header_list *l = v->field;
	struct header_conf header = { .at = v->entry->place };
	const char *error = NULL;

	if (!parse(slice_of(v->text), &header, &error)) {
		schema_fault(v, "\"%s\": %s", v->text, error);
		return;
	}
	if (has_header(l, header.name)) {
		schema_fault(v,
		    "%s is given twice, one line for each is allowed",
		    header.name);
		mem_free(header.name);
		mem_free(header.value);
		return;
	}
	l->v = mem_need_grow(
	    l->v, l->n * sizeof(*l->v), (l->n + 1) * sizeof(*l->v));
	l->v[l->n++] = header;
}

static void
take_header(const struct schema_value *v)
{
	add_header(v, site_value_header);
}

static void
take_header_name(const struct schema_value *v)
{
	add_header(v, site_value_header_name);
}

static void
release_headers(void *field)
{
	struct header_list *l = field;

	for (size_t i = 0; i < l->n; i++) {
		mem_free(l->v[i].name);
		mem_free(l->v[i].value);
	}
	mem_free(l->v);
	memset(l, 0, sizeof(*l));
}

static const char *const via_words[] = { "on", "off", "full", "block", NULL };
static const char *const proxy_status_words[] = { "off", "short", "full",
	NULL };
static const char *const log_words[] = { "stderr", NULL };

const struct schema_key site_http_keys[] = {
	{ .name = "via",
	    .kind = SCHEMA_WORD,
	    .fallback = "on",
	    .words = via_words,
	    SCHEMA_FIELD(struct http_conf, via) },
	{ .name = "via_name",
	    .kind = SCHEMA_CUSTOM,
	    SCHEMA_FIELD(struct http_conf, via_name),
	    .take = take_via_name,
	    .release = site_release_text },
	{ .name = "timeout",
	    .kind = SCHEMA_DURATION,
	    .fallback = "60s",
	    SCHEMA_FIELD(struct http_conf, timeout_ms) },
	{ .name = "first_byte_timeout",
	    .kind = SCHEMA_DURATION,
	    SCHEMA_FIELD(struct http_conf, first_byte_timeout_ms) },
	{ .name = "read_timeout",
	    .kind = SCHEMA_DURATION,
	    SCHEMA_FIELD(struct http_conf, read_timeout_ms) },
	{ .name = "tunnel_timeout",
	    .kind = SCHEMA_DURATION,
	    .fallback = "1h",
	    SCHEMA_FIELD(struct http_conf, tunnel_timeout_ms) },
	{ .name = "proxy_status",
	    .kind = SCHEMA_WORD,
	    .fallback = "off",
	    .words = proxy_status_words,
	    SCHEMA_FIELD(struct http_conf, proxy_status) },
	{ .name = "error_page",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    SCHEMA_FIELD(struct http_conf, error_page),
	    .take = site_hop_take_error_page,
	    .release = site_hop_release_error_pages },
	{ .name = "preserve_host",
	    .kind = SCHEMA_BOOL,
	    .fallback = "yes",
	    SCHEMA_FIELD(struct http_conf, preserve_host) },
	{ .name = "root_redirect",
	    .kind = SCHEMA_CUSTOM,
	    SCHEMA_FIELD(struct http_conf, root_redirect),
	    .take = take_url_path,
	    .release = site_release_text },
	{ .name = "https_redirect",
	    .kind = SCHEMA_BOOL,
	    .fallback = "no",
	    SCHEMA_FIELD(struct http_conf, https_redirect) },
	{ .name = "https_port",
	    .kind = SCHEMA_COUNT,
	    .fallback = "443",
	    .min = 1,
	    .max = 65535,
	    SCHEMA_FIELD(struct http_conf, https_port) },
	{ .name = "hsts",
	    .kind = SCHEMA_CUSTOM,
	    SCHEMA_FIELD(struct http_conf, hsts_s),
	    .take = site_take_hsts },
	{ .name = "trust_from",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    SCHEMA_FIELD(struct http_conf, trust_from),
	    .take = site_take_trust_from,
	    .release = site_release_trust_from },
	{ .name = "trust_header",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    SCHEMA_FIELD(struct http_conf, trust_header),
	    .take = site_take_header_pattern,
	    .release = site_release_strings },
	{ .name = "strip_header",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    SCHEMA_FIELD(struct http_conf, strip_header),
	    .take = site_take_header_pattern,
	    .release = site_release_strings },
	{ .name = "deny",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    SCHEMA_FIELD(struct http_conf, deny),
	    .take = site_take_path,
	    .release = site_release_strings },
	{ .name = "allow",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    SCHEMA_FIELD(struct http_conf, allow),
	    .take = site_take_path,
	    .release = site_release_strings },
	{ .name = "redirect",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    SCHEMA_FIELD(struct http_conf, redirect),
	    .take = site_take_redirect,
	    .release = site_release_rules },
	{ .name = "rewrite",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    SCHEMA_FIELD(struct http_conf, rewrite),
	    .take = site_take_rewrite,
	    .release = site_release_rules },
	{ .name = "cookie_secure",
	    .kind = SCHEMA_WORD,
	    .fallback = "auto",
	    .words = site_cookie_secure_words,
	    SCHEMA_FIELD(struct http_conf, cookie_secure) },
	{ .name = "cookie_httponly",
	    .kind = SCHEMA_BOOL,
	    .fallback = "no",
	    SCHEMA_FIELD(struct http_conf, cookie_httponly) },
	{ .name = "cookie_samesite",
	    .kind = SCHEMA_WORD,
	    .fallback = "keep",
	    .words = site_cookie_samesite_words,
	    SCHEMA_FIELD(struct http_conf, cookie_samesite) },
	{ .name = "cookie_domain",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    SCHEMA_FIELD(struct http_conf, cookie_domain),
	    .take = site_take_cookie_domain,
	    .release = site_release_cookie_domains },
	{ .name = "request_header",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    SCHEMA_FIELD(struct http_conf, request_header),
	    .take = take_header,
	    .release = release_headers },
	{ .name = "request_header_remove",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    SCHEMA_FIELD(struct http_conf, request_header_remove),
	    .take = take_header_name,
	    .release = release_headers },
	{ .name = "response_header",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    SCHEMA_FIELD(struct http_conf, response_header),
	    .take = take_header,
	    .release = release_headers },
	{ .name = "response_header_remove",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    SCHEMA_FIELD(struct http_conf, response_header_remove),
	    .take = take_header_name,
	    .release = release_headers },
	{ .name = "access_log",
	    .kind = SCHEMA_PATH,
	    .words = log_words,
	    SCHEMA_FIELD(struct http_conf, access_log) },
};

_Static_assert(ARRAY_LEN(site_http_keys) == SITE_HTTP_KEYS,
    "the number in common/site_http_schema.h");
