/*
 * The sections and keys of tlsd.ini as tables.  Runs at start-up.
 */
#include "tlsd/config_schema.h"

#include "common/check.h"
#include "common/daemon_conf.h"
#include "common/mem.h"
#include "tlsd/config.h"

static void
take_address(const struct schema_value *v)
{
	struct listen_conf *l = v->field;
	struct addr a;

	if (!daemon_conf_address(v, &a))
		return;
	if (addr_is_unix(&a)) {
		schema_fault(v,
		    "\"%s\" is a path, clients come by TCP: write IPV4:PORT "
		    "or [IPV6]:PORT",
		    v->text);
		return;
	}
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

static void
take_network(const struct schema_value *v)
{
	struct listen_conf *l = v->field;
	struct cidr net;

	if (!cidr_parse(slice_of(v->text), &net)) {
		schema_fault(v,
		    "\"%s\" is no network, write an address or "
		    "ADDRESS/BITS with no bit set behind the prefix",
		    v->text);
		return;
	}
	l->proxy_from = mem_need_grow(l->proxy_from,
	    l->n_proxy_from * sizeof(net), (l->n_proxy_from + 1) * sizeof(net));
	l->proxy_from[l->n_proxy_from++] = net;
}

static void
release_networks(void *field)
{
	struct listen_conf *l = field;

	mem_free(l->proxy_from);
}

static const char *const end_words[] = { "shutdown", "close", NULL };

static const struct schema_key tlsd_keys[] = {
	{ .name = "user",
	    .kind = SCHEMA_CUSTOM,
	    SCHEMA_FIELD(struct tlsd_config, user),
	    .take = daemon_conf_take_user,
	    .release = daemon_conf_release_text },
	{ .name = "workers",
	    .kind = SCHEMA_CUSTOM,
	    .fallback = "auto",
	    SCHEMA_FIELD(struct tlsd_config, workers),
	    .take = daemon_conf_take_workers },
	{ .name = "sites",
	    .kind = SCHEMA_PATH_LIST,
	    .is_required = true,
	    SCHEMA_FIELD(struct tlsd_config, site_patterns) },
	{ .name = "backend",
	    .kind = SCHEMA_PATH,
	    .is_required = true,
	    SCHEMA_FIELD(struct tlsd_config, backend) },
	{ .name = "backend_wait",
	    .kind = SCHEMA_DURATION,
	    .fallback = "5s",
	    SCHEMA_FIELD(struct tlsd_config, backend_wait_ms) },
	{ .name = "backend_end",
	    .kind = SCHEMA_WORD,
	    .fallback = "shutdown",
	    .words = end_words,
	    SCHEMA_FIELD(struct tlsd_config, backend_end) },
	{ .name = "admin",
	    .kind = SCHEMA_CUSTOM,
	    SCHEMA_FIELD(struct tlsd_config, admin),
	    .take = daemon_conf_take_admin,
	    .release = daemon_conf_release_text },
	{ .name = "log",
	    .kind = SCHEMA_PATH,
	    .fallback = "stderr",
	    .words = daemon_conf_log_words,
	    SCHEMA_FIELD(struct tlsd_config, log) },
	{ .name = "log_level",
	    .kind = SCHEMA_WORD,
	    .fallback = "info",
	    .words = daemon_conf_level_words,
	    SCHEMA_FIELD(struct tlsd_config, log_level) },
	{ .name = "handshake_timeout",
	    .kind = SCHEMA_DURATION,
	    .fallback = "10s",
	    SCHEMA_FIELD(struct tlsd_config, handshake_timeout_ms) },
	{ .name = "idle_timeout",
	    .kind = SCHEMA_DURATION,
	    .fallback = "2h",
	    SCHEMA_FIELD(struct tlsd_config, idle_timeout_ms) },
	{ .name = "drain_timeout",
	    .kind = SCHEMA_DURATION,
	    .fallback = "60s",
	    SCHEMA_FIELD(struct tlsd_config, drain_timeout_ms) },
	{ .name = "max_connections",
	    .kind = SCHEMA_COUNT,
	    .fallback = "20000",
	    .min = 1,
	    .max = 1000000,
	    SCHEMA_FIELD(struct tlsd_config, max_connections) },
	{ .name = "max_connections_per_address",
	    .kind = SCHEMA_COUNT,
	    .fallback = "0",
	    .min = 0,
	    .max = 1000000,
	    SCHEMA_FIELD(struct tlsd_config, max_connections_per_address) },
	{ .name = "max_handshakes",
	    .kind = SCHEMA_COUNT,
	    .fallback = "1000",
	    .min = 1,
	    .max = 1000000,
	    SCHEMA_FIELD(struct tlsd_config, max_handshakes) },
	{ .name = "session_lifetime",
	    .kind = SCHEMA_DURATION,
	    .fallback = "2h",
	    SCHEMA_FIELD(struct tlsd_config, session_lifetime_ms) },
	{ .name = "egress",
	    .kind = SCHEMA_PATH,
	    SCHEMA_FIELD(struct tlsd_config, egress) },
	{ .name = "egress_from",
	    .kind = SCHEMA_TEXT,
	    .fallback = "rproxy",
	    SCHEMA_FIELD(struct tlsd_config, egress_from) },
	{ .name = "ticket_keys",
	    .kind = SCHEMA_PATH,
	    SCHEMA_FIELD(struct tlsd_config, ticket_keys) },
};

static const struct schema_key listen_keys[] = {
	{ .name = "address",
	    .kind = SCHEMA_CUSTOM,
	    .is_required = true,
	    .is_list = true,
	    .take = take_address,
	    .release = release_addresses },
	{ .name = "proxy_protocol",
	    .kind = SCHEMA_BOOL,
	    .fallback = "off",
	    SCHEMA_FIELD(struct listen_conf, proxy_protocol) },
	{ .name = "proxy_from",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    .take = take_network,
	    .release = release_networks },
};

static const struct schema_section sections[] = {
	{ .name = "tlsd",
	    .keys = tlsd_keys,
	    .n_keys = ARRAY_LEN(tlsd_keys),
	    .is_required = true,
	    .object = 0,
	    .name_field = SCHEMA_NONE,
	    .place_field = SCHEMA_NONE,
	    .present_field = SCHEMA_NONE },
	{ .name = "listen",
	    .keys = listen_keys,
	    .n_keys = ARRAY_LEN(listen_keys),
	    .is_required = true,
	    .object = offsetof(struct tlsd_config, listen),
	    .count = offsetof(struct tlsd_config, n_listen),
	    .item_bytes = sizeof(struct listen_conf),
	    .name_field = offsetof(struct listen_conf, name),
	    .place_field = offsetof(struct listen_conf, at),
	    .present_field = SCHEMA_NONE },
};

const struct schema tlsd_schema = { "tlsd.ini", sections, ARRAY_LEN(sections) };
