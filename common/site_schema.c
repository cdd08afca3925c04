/*
 * The sections and keys of a site file as tables, and how the values that
 * have a form of their own get into struct site_conf.  Runs at start-up.
 *
 * What a single line cannot tell (a pool that is not there, a prefix given
 * twice) is checked in common/site_conf.c.
 */
#include "common/site_schema.h"

#include <string.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/site_conf.h"
#include "common/site_value.h"

static void
take_name(const struct schema_value *v)
{
	const char *error = NULL;
	char *name = NULL;

	if (!site_value_name(slice_of(v->text), &error)) {
		schema_fault(v, "\"%s\": %s", v->text, error);
		return;
	}
	name = mem_need_strdup(v->text);
	for (char *p = name; *p != '\0'; p++)
		*p = ascii_lower(*p);
	string_list_add(v->field, name, v->entry->place);
}

static void
release_names(void *field)
{
	string_list_release(field);
}

static void
take_prefix(const struct schema_value *v)
{
	const char *error = NULL;

	if (!site_value_prefix(slice_of(v->text), &error))
		schema_fault(v, "\"%s\": %s", v->text, error);
	else
		string_list_add(
		    v->field, mem_need_strdup(v->text), v->entry->place);
}

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
release_text(void *field)
{
	mem_free(*(char **)field);
	*(char **)field = NULL;
}

static void
take_to(const struct schema_value *v)
{
	const char *error = "";
	bool good = site_value_prefix(slice_of(v->text), &error);

	take_text_if(v, good, error);
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
	struct header_conf header = { 0 };
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

/* The field is the pool itself: array and count are two members of it. */
static void
take_server(const struct schema_value *v)
{
	struct pool_conf *pool = v->field;
	struct server_conf server = { .at = v->entry->place };
	const char *error = NULL;

	if (!site_value_server(slice_of(v->text), &server, &error)) {
		schema_fault(v, "\"%s\": %s", v->text, error);
		return;
	}
	if (server.https)
		schema_fault(v,
		    "https:// servers are not supported by this version, "
		    "write http://HOST:PORT");
	pool->server =
	    mem_need_grow(pool->server, pool->n_server * sizeof(*pool->server),
		(pool->n_server + 1) * sizeof(*pool->server));
	pool->server[pool->n_server++] = server;
}

static void
release_servers(void *field)
{
	struct pool_conf *pool = field;

	for (size_t i = 0; i < pool->n_server; i++) {
		mem_free(pool->server[i].host);
		mem_free(pool->server[i].id);
	}
	mem_free(pool->server);
}

static void
take_alias(const struct schema_value *v)
{
	struct pool_conf *pool = v->field;
	struct authority_conf alias = { 0 };
	const char *error = NULL;

	if (!site_value_authority(slice_of(v->text), &alias, &error)) {
		schema_fault(v, "\"%s\": %s", v->text, error);
		return;
	}
	pool->alias =
	    mem_need_grow(pool->alias, pool->n_alias * sizeof(*pool->alias),
		(pool->n_alias + 1) * sizeof(*pool->alias));
	pool->alias[pool->n_alias++] = alias;
}

static void
release_aliases(void *field)
{
	struct pool_conf *pool = field;

	for (size_t i = 0; i < pool->n_alias; i++)
		mem_free(pool->alias[i].host);
	mem_free(pool->alias);
}

/* each in the order of its enum */
static const char *const app_words[] = { "none", "sap-java", "sap-abap",
	"tomcat", "wildfly", "jetty", "weblogic", "websphere", "rfc", NULL };
static const char *const verify_words[] = { "none", "optional", "required",
	NULL };
static const char *const version_words[] = { "1.2", "1.3", NULL };
static const char *const via_words[] = { "on", "off", "full", "block", NULL };
static const char *const log_words[] = { "stderr", NULL };

static const struct schema_key site_keys[] = {
	{ .name = "names",
	    .kind = SCHEMA_CUSTOM,
	    .is_required = true,
	    .is_list = true,
	    SCHEMA_FIELD(struct site_conf, names),
	    .take = take_name,
	    .release = release_names },
	{ .name = "app",
	    .kind = SCHEMA_WORD,
	    .fallback = "none",
	    .words = app_words,
	    SCHEMA_FIELD(struct site_conf, app) },
	{ .name = "default",
	    .kind = SCHEMA_BOOL,
	    .fallback = "no",
	    SCHEMA_FIELD(struct site_conf, is_default) },
};

static const struct schema_key tls_keys[] = {
	{ .name = "certificate",
	    .kind = SCHEMA_PATH_LIST,
	    .is_required = true,
	    SCHEMA_FIELD(struct tls_conf, certificate) },
	{ .name = "key",
	    .kind = SCHEMA_PATH_LIST,
	    .is_required = true,
	    SCHEMA_FIELD(struct tls_conf, key) },
	{ .name = "min_version",
	    .kind = SCHEMA_WORD,
	    .fallback = "1.2",
	    .words = version_words,
	    SCHEMA_FIELD(struct tls_conf, min_version) },
	{ .name = "client_verify",
	    .kind = SCHEMA_WORD,
	    .fallback = "none",
	    .words = verify_words,
	    SCHEMA_FIELD(struct tls_conf, client_verify) },
	{ .name = "client_ca",
	    .kind = SCHEMA_PATH_LIST,
	    SCHEMA_FIELD(struct tls_conf, client_ca) },
	{ .name = "client_crl",
	    .kind = SCHEMA_PATH_LIST,
	    SCHEMA_FIELD(struct tls_conf, client_crl) },
	{ .name = "client_depth",
	    .kind = SCHEMA_COUNT,
	    .fallback = "3",
	    .min = 0,
	    .max = 20,
	    SCHEMA_FIELD(struct tls_conf, client_depth) },
	{ .name = "ocsp_staple", .kind = SCHEMA_NOT_YET },
};

static const struct schema_key http_keys[] = {
	{ .name = "via",
	    .kind = SCHEMA_WORD,
	    .fallback = "on",
	    .words = via_words,
	    SCHEMA_FIELD(struct http_conf, via) },
	{ .name = "via_name",
	    .kind = SCHEMA_CUSTOM,
	    SCHEMA_FIELD(struct http_conf, via_name),
	    .take = take_via_name,
	    .release = release_text },
	{ .name = "timeout",
	    .kind = SCHEMA_DURATION,
	    .fallback = "60s",
	    SCHEMA_FIELD(struct http_conf, timeout_ms) },
	{ .name = "preserve_host",
	    .kind = SCHEMA_BOOL,
	    .fallback = "yes",
	    SCHEMA_FIELD(struct http_conf, preserve_host) },
	{ .name = "root_redirect",
	    .kind = SCHEMA_CUSTOM,
	    SCHEMA_FIELD(struct http_conf, root_redirect),
	    .take = take_url_path,
	    .release = release_text },
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

static const struct schema_key route_keys[] = {
	{ .name = "prefix",
	    .kind = SCHEMA_CUSTOM,
	    .is_required = true,
	    .is_list = true,
	    SCHEMA_FIELD(struct route_conf, prefix),
	    .take = take_prefix,
	    .release = release_names },
	{ .name = "to",
	    .kind = SCHEMA_CUSTOM,
	    SCHEMA_FIELD(struct route_conf, to),
	    .take = take_to,
	    .release = release_text },
	{ .name = "pool", .kind = SCHEMA_REFERENCE },
	{ .name = "pool_http", .kind = SCHEMA_REFERENCE },
	{ .name = "pool_https", .kind = SCHEMA_REFERENCE },
	{ .name = "require_tls",
	    .kind = SCHEMA_BOOL,
	    .fallback = "no",
	    SCHEMA_FIELD(struct route_conf, require_tls) },
	{ .name = "require_client_cert",
	    .kind = SCHEMA_BOOL,
	    .fallback = "no",
	    SCHEMA_FIELD(struct route_conf, require_client_cert) },
	{ .name = "max_body",
	    .kind = SCHEMA_SIZE,
	    .fallback = "0",
	    SCHEMA_FIELD(struct route_conf, max_body_bytes) },
	{ .name = "timeout",
	    .kind = SCHEMA_DURATION,
	    SCHEMA_FIELD(struct route_conf, timeout_ms) },
};

static const struct schema_key pool_keys[] = {
	{ .name = "server",
	    .kind = SCHEMA_CUSTOM,
	    .is_required = true,
	    .is_list = true,
	    .take = take_server,
	    .release = release_servers },
	{ .name = "alias",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    .take = take_alias,
	    .release = release_aliases },
	{ .name = "connect_timeout",
	    .kind = SCHEMA_DURATION,
	    .fallback = "5s",
	    SCHEMA_FIELD(struct pool_conf, connect_timeout_ms) },
	{ .name = "keepalive_timeout",
	    .kind = SCHEMA_DURATION,
	    .fallback = "10s",
	    SCHEMA_FIELD(struct pool_conf, keepalive_timeout_ms) },
	{ .name = "sticky", .kind = SCHEMA_NOT_YET },
	{ .name = "health", .kind = SCHEMA_NOT_YET },
	{ .name = "health_interval", .kind = SCHEMA_NOT_YET },
	{ .name = "tls_ca", .kind = SCHEMA_NOT_YET },
	{ .name = "tls_name", .kind = SCHEMA_NOT_YET },
	{ .name = "tls_certificate", .kind = SCHEMA_NOT_YET },
	{ .name = "tls_key", .kind = SCHEMA_NOT_YET },
};

static const struct schema_section sections[] = {
	{ .name = "site",
	    .keys = site_keys,
	    .n_keys = ARRAY_LEN(site_keys),
	    .is_required = true,
	    .object = 0,
	    .name_field = SCHEMA_NONE,
	    .place_field = SCHEMA_NONE,
	    .present_field = SCHEMA_NONE },
	{ .name = "tls",
	    .keys = tls_keys,
	    .n_keys = ARRAY_LEN(tls_keys),
	    .object = offsetof(struct site_conf, tls),
	    .name_field = SCHEMA_NONE,
	    .place_field = offsetof(struct tls_conf, at),
	    .present_field = offsetof(struct tls_conf, present) },
	{ .name = "http",
	    .keys = http_keys,
	    .n_keys = ARRAY_LEN(http_keys),
	    .object = offsetof(struct site_conf, http),
	    .name_field = SCHEMA_NONE,
	    .place_field = SCHEMA_NONE,
	    .present_field = SCHEMA_NONE },
	{ .name = "route",
	    .keys = route_keys,
	    .n_keys = ARRAY_LEN(route_keys),
	    .object = offsetof(struct site_conf, route),
	    .count = offsetof(struct site_conf, n_route),
	    .item_bytes = sizeof(struct route_conf),
	    .name_field = offsetof(struct route_conf, name),
	    .place_field = offsetof(struct route_conf, at),
	    .present_field = SCHEMA_NONE },
	{ .name = "pool",
	    .keys = pool_keys,
	    .n_keys = ARRAY_LEN(pool_keys),
	    .object = offsetof(struct site_conf, pool),
	    .count = offsetof(struct site_conf, n_pool),
	    .item_bytes = sizeof(struct pool_conf),
	    .name_field = offsetof(struct pool_conf, name),
	    .place_field = offsetof(struct pool_conf, at),
	    .present_field = SCHEMA_NONE },
};

const struct schema site_schema = { "a site file", sections,
	ARRAY_LEN(sections) };
