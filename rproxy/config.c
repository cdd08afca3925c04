/*
 * rproxy.ini and the site files.  Runs in the master (from disk, into the
 * bundle) and again in each child (from the bundle alone).
 */
#include "rproxy/config.h"

#include <string.h>

#include "common/check.h"
#include "common/child.h"
#include "common/daemon_conf.h"
#include "common/egress_wire.h"
#include "common/mem.h"
#include "common/schema.h"
#include "rproxy/config_lint.h"
#include "rproxy/config_schema.h"
#include "rproxy/config_pages.h"
#include "rproxy/config_site.h"

/*
 * A Unix socket speaks PROXY v2 and believes it, so it must know from whom; a
 * TCP socket is plain HTTP and believes nothing.
 */
static void
check_listen(struct listen_conf *l, struct conf_faults *f)
{
	size_t n_unix = 0;

	for (size_t i = 0; i < l->n_address; i++)
		n_unix += addr_is_unix(&l->address[i]);
	l->proxy_v2 = n_unix > 0;
	if (n_unix > 0 && n_unix < l->n_address)
		conf_error(f, l->at,
		    "listen.address: paths and TCP addresses together, give "
		    "each kind its own [listen NAME]");
	else if (n_unix > 0 && l->from == NULL)
		conf_error(f, l->at,
		    "listen.from: missing, a path needs the user whose "
		    "processes may connect (tlsd's)");
	else if (n_unix == 0 && l->n_address > 0 && l->from != NULL)
		conf_error(f, l->at,
		    "listen.from: a TCP address is plain HTTP for everybody, "
		    "\"from\" is allowed with a path only");
}

static void
check_listens(struct rproxy_config *c, struct conf_faults *f)
{
	daemon_conf_check_addresses(c->source, f);
	for (size_t i = 0; i < c->n_listen; i++) {
		struct listen_conf *l = &c->listen[i];

		check_listen(l, f);
		for (size_t j = 0; j < l->n_address; j++)
			if (addr_is_unix(&l->address[j]))
				daemon_conf_check_folder(c->bundle, l->at,
				    "listen.address",
				    l->address[j].u.un.sun_path, f);
	}
}

/* One line for each server: that is where the operator has to look. */
static void
check_egress(const struct rproxy_config *c, const struct pool_conf *pool,
    struct conf_faults *f)
{
	char name[EGRESS_SERVER_MAX];

	for (size_t i = 0; i < pool->n_server; i++) {
		const struct server_conf *s = &pool->server[i];

		if (!s->https || c->egress != NULL)
			continue;
		conf_error(f, s->at,
		    "pool.server: https://%s is reached through tlsd, name "
		    "its socket by egress in [rproxy]",
		    egress_wire_server(s->host, s->port, name));
	}
}

static void
check_egresses(const struct rproxy_config *c, struct conf_faults *f)
{
	struct addr a;

	if (c->egress != NULL && !addr_parse(slice_of(c->egress), &a))
		conf_error(f, conf_place_of(c->source, "rproxy", "egress"),
		    "rproxy.egress: %s is too long for a socket, at most 107 "
		    "bytes are allowed",
		    c->egress);
	for (size_t i = 0; i < c->sites.n; i++)
		for (size_t k = 0; k < c->sites.v[i]->n_pool; k++)
			check_egress(c, &c->sites.v[i]->pool[k], f);
}

static int
find_log(const struct rproxy_config *c, const char *path)
{
	for (size_t i = 0; i < c->access_logs.n; i++)
		if (strcmp(c->access_logs.v[i], path) == 0)
			return (int)i;
	return -1;
}

static void
add_log(struct rproxy_config *c, const char *key, const char *path,
    struct conf_place at, struct conf_faults *f)
{
	if (path == NULL || find_log(c, path) >= 0)
		return;
	daemon_conf_check_folder(c->bundle, at, key, path, f);
	if (c->access_logs.n == CHILD_MAX_LOGS)
		conf_error(f, at,
		    "%s: more than %d access logs, so many are allowed in all",
		    key, CHILD_MAX_LOGS);
	string_list_add(&c->access_logs, mem_need_strdup(path), at);
}

static void
collect_logs(struct rproxy_config *c, struct conf_faults *f)
{
	add_log(c, "rproxy.access_log", c->access_log,
	    conf_place_of(c->source, "rproxy", "access_log"), f);
	for (size_t i = 0; i < c->sites.n; i++) {
		const struct site_conf *s = c->sites.v[i];

		add_log(c, "http.access_log", s->http.access_log,
		    conf_place_of(s->source, "http", "access_log"), f);
	}
}

static void
check_routes(const struct rproxy_config *c, struct conf_faults *f)
{
	for (size_t i = 0; i < c->sites.n; i++) {
		const struct site_conf *s = c->sites.v[i];

		if (s->n_route == 0)
			conf_warning(f, (struct conf_place){ s->file, 0 },
			    "no [route NAME] section: every path of %s is "
			    "answered with 404",
			    s->name);
	}
}

struct rproxy_config *
rproxy_config_read(const char *path, struct bundle *b, struct conf_faults *f)
{
	struct rproxy_config *c = mem_need(sizeof(*c));

	c->file = daemon_conf_path(path);
	c->bundle = b;
	c->source = conf_read(b, c->file, f);
	schema_apply(&rproxy_schema, c->source, c, f);
	check_listens(c, f);
	daemon_conf_check_folder(b, conf_place_of(c->source, "rproxy", "log"),
	    "rproxy.log", c->log, f);
	site_list_read(&c->sites, b, &c->site_patterns, f);
	config_site_complete(c, f);
	config_pages_read(&c->sites, b, f);
	config_lint(c, f);
	check_routes(c, f);
	check_egresses(c, f);
	collect_logs(c, f);
	return c;
}

void
rproxy_config_free(struct rproxy_config *c)
{
	if (c == NULL)
		return;
	string_list_release(&c->access_logs);
	config_site_release(c);
	site_list_free(&c->sites);
	schema_release(&rproxy_schema, c);
	conf_file_free(c->source);
	mem_free(c->file);
	mem_free(c);
}

size_t
rproxy_config_n_access_logs(const struct rproxy_config *c)
{
	return c->access_logs.n;
}

const char *
rproxy_config_access_log(const struct rproxy_config *c, size_t i)
{
	CHECK(i < c->access_logs.n);
	return c->access_logs.v[i];
}

int
rproxy_config_site_access_log(
    const struct rproxy_config *c, const struct site_conf *s)
{
	const char *path =
	    s->http.access_log != NULL ? s->http.access_log : c->access_log;

	return path == NULL ? -1 : find_log(c, path);
}
