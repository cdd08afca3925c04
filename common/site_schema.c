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
#include "common/site_hop_take.h"
#include "common/site_http_schema.h"
#include "common/site_take.h"
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

/* A file, or a credential that the service manager hands over by name. */
static void
take_passphrase(const struct schema_value *v)
{
	static const char prefix[] = "credential:";
	const char *name = v->text + sizeof(prefix) - 1;
	char **field = v->field;

	mem_free(*field);
	if (strncmp(v->text, prefix, sizeof(prefix) - 1) != 0) {
		*field = conf_resolve(v->entry->place.file, v->text);
		return;
	}
	*field = mem_need_strdup(v->text);
	if (name[0] == '\0' || strchr(name, '/') != NULL)
		schema_fault(v,
		    "\"%s\" is no name of a credential: write "
		    "credential:NAME, or the path of a file",
		    v->text);
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
static const char *const verify_words[] = { "none", "optional", "optional_any",
	"required", NULL };
static const char *const version_words[] = { "1.0", "1.1", "1.2", "1.3", NULL };
static const char *const slash_words[] = { "refuse", "pass", NULL };
static const char *const share_words[] = { "any", "client", NULL };

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
	{ .name = "key_passphrase",
	    .kind = SCHEMA_CUSTOM,
	    SCHEMA_FIELD(struct tls_conf, key_passphrase),
	    .take = take_passphrase,
	    .release = release_text },
	{ .name = "min_version",
	    .kind = SCHEMA_WORD,
	    .fallback = "1.2",
	    .words = version_words,
	    SCHEMA_FIELD(struct tls_conf, min_version) },
	{ .name = "ciphers",
	    .kind = SCHEMA_TEXT,
	    SCHEMA_FIELD(struct tls_conf, ciphers) },
	{ .name = "ciphersuites",
	    .kind = SCHEMA_TEXT,
	    SCHEMA_FIELD(struct tls_conf, ciphersuites) },
	{ .name = "groups",
	    .kind = SCHEMA_TEXT,
	    SCHEMA_FIELD(struct tls_conf, groups) },
	{ .name = "prefer_server_ciphers",
	    .kind = SCHEMA_BOOL,
	    .fallback = "yes",
	    SCHEMA_FIELD(struct tls_conf, prefer_server_ciphers) },
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
	{ .name = "ocsp_staple",
	    .kind = SCHEMA_PATH_LIST,
	    SCHEMA_FIELD(struct tls_conf, ocsp_staple) },
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
	    .kind = SCHEMA_CUSTOM,
	    .fallback = "no",
	    SCHEMA_FIELD(struct route_conf, require_tls),
	    .take = site_take_require_tls },
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
	{ .name = "first_byte_timeout",
	    .kind = SCHEMA_DURATION,
	    SCHEMA_FIELD(struct route_conf, first_byte_timeout_ms) },
	{ .name = "read_timeout",
	    .kind = SCHEMA_DURATION,
	    SCHEMA_FIELD(struct route_conf, read_timeout_ms) },
	{ .name = "tunnel_timeout",
	    .kind = SCHEMA_DURATION,
	    SCHEMA_FIELD(struct route_conf, tunnel_timeout_ms) },
	{ .name = "body_timeout",
	    .kind = SCHEMA_DURATION,
	    SCHEMA_FIELD(struct route_conf, body_timeout_ms) },
	{ .name = "body_min_rate",
	    .kind = SCHEMA_SIZE,
	    .min = 1,
	    .max = 1048576,
	    SCHEMA_FIELD(struct route_conf, body_min_rate) },
	{ .name = "encoded_slashes",
	    .kind = SCHEMA_WORD,
	    .fallback = "refuse",
	    .words = slash_words,
	    SCHEMA_FIELD(struct route_conf, encoded_slashes) },
	{ .name = "upgrade",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    SCHEMA_FIELD(struct route_conf, upgrade),
	    .take = site_hop_take_upgrade,
	    .release = release_names },
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
	    SCHEMA_FIELD(struct pool_conf, keepalive_timeout_ms) },
	{ .name = "upstream_share",
	    .kind = SCHEMA_WORD,
	    .fallback = "any",
	    .words = share_words,
	    SCHEMA_FIELD(struct pool_conf, upstream_share) },
	{ .name = "upstream_keepalive",
	    .kind = SCHEMA_BOOL,
	    .fallback = "on",
	    SCHEMA_FIELD(struct pool_conf, upstream_keepalive) },
	{ .name = "sticky",
	    .kind = SCHEMA_WORD,
	    .fallback = "auto",
	    .words = site_sticky_words,
	    SCHEMA_FIELD(struct pool_conf, sticky) },
	{ .name = "sticky_cookie",
	    .kind = SCHEMA_CUSTOM,
	    SCHEMA_FIELD(struct pool_conf, sticky_cookie),
	    .take = site_take_cookie_name,
	    .release = site_release_text },
	{ .name = "sticky_key",
	    .kind = SCHEMA_TEXT,
	    SCHEMA_FIELD(struct pool_conf, sticky_key) },
	{ .name = "health",
	    .kind = SCHEMA_CUSTOM,
	    SCHEMA_FIELD(struct pool_conf, health),
	    .take = site_take_health,
	    .release = site_release_text },
	{ .name = "health_interval",
	    .kind = SCHEMA_DURATION,
	    .fallback = "5s",
	    SCHEMA_FIELD(struct pool_conf, health_interval_ms) },
	{ .name = "tls_ca",
	    .kind = SCHEMA_PATH_LIST,
	    SCHEMA_FIELD(struct pool_conf, tls_ca) },
	{ .name = "tls_name",
	    .kind = SCHEMA_CUSTOM,
	    SCHEMA_FIELD(struct pool_conf, tls_name),
	    .take = site_take_tls_name,
	    .release = site_release_text },
	{ .name = "tls_certificate",
	    .kind = SCHEMA_PATH_LIST,
	    SCHEMA_FIELD(struct pool_conf, tls_certificate) },
	{ .name = "tls_key",
	    .kind = SCHEMA_PATH_LIST,
	    SCHEMA_FIELD(struct pool_conf, tls_key) },
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
	    .keys = site_http_keys,
	    .n_keys = SITE_HTTP_KEYS,
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
