/*
 * The sections and keys of rproxy.ini as tables.  Runs at start-up.
 */
#include "rproxy/config_schema.h"

#include "common/check.h"
#include "common/daemon_conf.h"
#include "common/mem.h"
#include "common/privdrop.h"
#include "rproxy/config.h"

static void
take_address(const struct schema_value *v)
{
	struct listen_conf *l = v->field;
	struct addr a;

	if (!daemon_conf_address(v, &a))
		return;
	l->address =
	    mem_need_grow(l->address, l->n_address * sizeof(*l->address),
		(l->n_address + 1) * sizeof(*l->address));
	l->address[l->n_address++] = a;
}

static void
release_addresses(void *field)
{
	struct listen_conf *l = field;

	mem_free(l->address);
}

/* The field is the whole of struct listen_conf: name and number of a user. */
static void
take_from(const struct schema_value *v)
{
	struct listen_conf *l = v->field;
	gid_t ignored = 0;

	mem_free(l->from);
	l->from = mem_need_strdup(v->text);
	if (!privdrop_lookup(v->text, &l->from_uid, &ignored))
		schema_fault(v,
		    "there is no user \"%s\", name the user that tlsd runs as",
		    v->text);
}

static void
release_from(void *field)
{
	struct listen_conf *l = field;

	mem_free(l->from);
}

static const char *const format_words[] = { "common", "combined", "json",
	NULL };
static const char *const access_log_words[] = { "stderr", NULL };

static const struct schema_key rproxy_keys[] = {
	{ .name = "user",
	    .kind = SCHEMA_CUSTOM,
	    SCHEMA_FIELD(struct rproxy_config, user),
	    .take = daemon_conf_take_user,
	    .release = daemon_conf_release_text },
	{ .name = "workers",
	    .kind = SCHEMA_CUSTOM,
	    .fallback = "auto",
	    SCHEMA_FIELD(struct rproxy_config, workers),
	    .take = daemon_conf_take_workers },
	{ .name = "sites",
	    .kind = SCHEMA_PATH_LIST,
	    .is_required = true,
	    SCHEMA_FIELD(struct rproxy_config, site_patterns) },
	{ .name = "egress",
	    .kind = SCHEMA_PATH,
	    SCHEMA_FIELD(struct rproxy_config, egress) },
	{ .name = "admin",
	    .kind = SCHEMA_CUSTOM,
	    SCHEMA_FIELD(struct rproxy_config, admin),
	    .take = daemon_conf_take_admin,
	    .release = daemon_conf_release_text },
	{ .name = "log",
	    .kind = SCHEMA_PATH,
	    .fallback = "stderr",
	    .words = daemon_conf_log_words,
	    SCHEMA_FIELD(struct rproxy_config, log) },
	{ .name = "log_level",
	    .kind = SCHEMA_WORD,
	    .fallback = "info",
	    .words = daemon_conf_level_words,
	    SCHEMA_FIELD(struct rproxy_config, log_level) },
	{ .name = "access_log",
	    .kind = SCHEMA_PATH,
	    .words = access_log_words,
	    SCHEMA_FIELD(struct rproxy_config, access_log) },
	{ .name = "access_log_format",
	    .kind = SCHEMA_WORD,
	    .fallback = "combined",
	    .words = format_words,
	    SCHEMA_FIELD(struct rproxy_config, access_log_format) },
	{ .name = "drain_timeout",
	    .kind = SCHEMA_DURATION,
	    .fallback = "60s",
	    SCHEMA_FIELD(struct rproxy_config, drain_timeout_ms) },
	{ .name = "header_timeout",
	    .kind = SCHEMA_DURATION,
	    .fallback = "30s",
	    SCHEMA_FIELD(struct rproxy_config, header_timeout_ms) },
	{ .name = "keepalive_timeout",
	    .kind = SCHEMA_DURATION,
	    .fallback = "75s",
	    SCHEMA_FIELD(struct rproxy_config, keepalive_timeout_ms) },
	{ .name = "body_timeout",
	    .kind = SCHEMA_DURATION,
	    .fallback = "60s",
	    SCHEMA_FIELD(struct rproxy_config, body_timeout_ms) },
	{ .name = "body_min_rate",
	    .kind = SCHEMA_SIZE,
	    .fallback = "500",
	    .max = 1048576,
	    SCHEMA_FIELD(struct rproxy_config, body_min_rate) },
	{ .name = "send_timeout",
	    .kind = SCHEMA_DURATION,
	    .fallback = "60s",
	    SCHEMA_FIELD(struct rproxy_config, send_timeout_ms) },
	{ .name = "max_request_line",
	    .kind = SCHEMA_SIZE,
	    .fallback = "16k",
	    .min = 1024,
	    .max = 1048576,
	    SCHEMA_FIELD(struct rproxy_config, max_request_line) },
	{ .name = "max_field_size",
	    .kind = SCHEMA_SIZE,
	    .fallback = "64k",
	    .min = 256,
	    .max = 16777216,
	    SCHEMA_FIELD(struct rproxy_config, max_field_bytes) },
	{ .name = "max_headers",
	    .kind = SCHEMA_COUNT,
	    .fallback = "200",
	    .min = 10,
	    .max = 10000,
	    SCHEMA_FIELD(struct rproxy_config, max_headers) },
	{ .name = "max_headers_size",
	    .kind = SCHEMA_SIZE,
	    .fallback = "64k",
	    .min = 1024,
	    .max = 16777216,
	    SCHEMA_FIELD(struct rproxy_config, max_headers_bytes) },
	{ .name = "max_response_headers_size",
	    .kind = SCHEMA_SIZE,
	    .fallback = "128k",
	    .min = 1024,
	    .max = 16777216,
	    SCHEMA_FIELD(struct rproxy_config, max_response_headers_bytes) },
	{ .name = "max_connections",
	    .kind = SCHEMA_COUNT,
	    .fallback = "20000",
	    .min = 1,
	    .max = 1000000,
	    SCHEMA_FIELD(struct rproxy_config, max_connections) },
};

static const struct schema_key listen_keys[] = {
	{ .name = "address",
	    .kind = SCHEMA_CUSTOM,
	    .is_required = true,
	    .is_list = true,
	    .take = take_address,
	    .release = release_addresses },
	{ .name = "from",
	    .kind = SCHEMA_CUSTOM,
	    .take = take_from,
	    .release = release_from },
};

static const struct schema_section sections[] = {
	{ .name = "rproxy",
	    .keys = rproxy_keys,
	    .n_keys = ARRAY_LEN(rproxy_keys),
	    .is_required = true,
	    .object = 0,
	    .name_field = SCHEMA_NONE,
	    .place_field = SCHEMA_NONE,
	    .present_field = SCHEMA_NONE },
	{ .name = "listen",
	    .keys = listen_keys,
	    .n_keys = ARRAY_LEN(listen_keys),
	    .is_required = true,
	    .object = offsetof(struct rproxy_config, listen),
	    .count = offsetof(struct rproxy_config, n_listen),
	    .item_bytes = sizeof(struct listen_conf),
	    .name_field = offsetof(struct listen_conf, name),
	    .place_field = offsetof(struct listen_conf, at),
	    .present_field = SCHEMA_NONE },
};

const struct schema rproxy_schema = { "rproxy.ini", sections,
	ARRAY_LEN(sections) };
