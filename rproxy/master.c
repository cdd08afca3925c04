/*
 * rproxy's master: the workers, their addresses and their access logs.  Runs
 * in the master, which is the common supervisor and this description.
 */
#include "common/master.h"
#include "common/mem.h"
#include "rproxy/config.h"
#include "rproxy/explain.h"
#include "rproxy/master.h"
#include "rproxy/metrics_table.h"
#include "rproxy/upstream/health.h"
#include "rproxy/upstream/pool.h"

/* A socket file belongs to the user that may connect: the only one who can. */
static void
add_listen(struct plan *p, const struct listen_conf *l)
{
	for (size_t i = 0; i < l->n_address; i++) {
		bool is_unix = addr_is_unix(&l->address[i]);

		plan_add_listen(p, &l->address[i],
		    is_unix ? l->from_uid : (uid_t)-1, (gid_t)-1);
	}
}

static bool
has_probes(const struct rproxy_config *c)
{
	for (size_t i = 0; i < c->sites.n; i++)
		for (size_t k = 0; k < c->sites.v[i]->n_pool; k++)
			if (c->sites.v[i]->pool[k].health != NULL)
				return true;
	return false;
}

static void
add_servers(
    struct plan *p, const struct site_conf *site, const struct pool_conf *pool)
{
	for (size_t i = 0; i < pool->n_server; i++) {
		const struct server_conf *server = &pool->server[i];
		char *address = server_authority(server, true);

		plan_add_server(
		    p, &(struct plan_server){ site->name, pool->name, address,
			   health_key(site, pool, server) });
		mem_free(address);
	}
}

static void
add_probed_servers(struct plan *p, const struct rproxy_config *c)
{
	for (size_t i = 0; i < c->sites.n; i++)
		for (size_t k = 0; k < c->sites.v[i]->n_pool; k++)
			if (c->sites.v[i]->pool[k].health != NULL)
				add_servers(
				    p, c->sites.v[i], &c->sites.v[i]->pool[k]);
}

static void
fill_plan(struct plan *p, const struct rproxy_config *c)
{
	plan_add_role(
	    p, (struct plan_role){
		   .name = "worker", .count = c->workers, .serves = true });
	if (has_probes(c))
		plan_add_role(p,
		    (struct plan_role){
			.name = "prober", .count = 1, .writes_state = true });
	for (size_t i = 0; i < c->n_listen; i++)
		add_listen(p, &c->listen[i]);
	for (size_t i = 0; i < rproxy_config_n_access_logs(c); i++)
		plan_add_access_log(p, rproxy_config_access_log(c, i));
	add_probed_servers(p, c);
	p->log = mem_need_strdup(c->log);
	p->log_level = c->log_level;
	p->admin = c->admin != NULL ? mem_need_strdup(c->admin) : NULL;
	p->drain_timeout_ms = c->drain_timeout_ms;
}

static void
read_plan(
    const char *path, struct bundle *b, struct plan *out, struct conf_faults *f)
{
	struct rproxy_config *c = rproxy_config_read(path, b, f);

	if (conf_n_errors(f) == 0)
		fill_plan(out, c);
	rproxy_config_free(c);
}

static int
explain_url(const char *path, const char *url, struct conf_faults *f)
{
	struct bundle *b = bundle_new();
	struct rproxy_config *c = rproxy_config_read(path, b, f);
	int status = conf_n_errors(f) == 0 ? explain(c, url) : 1;

	rproxy_config_free(c);
	bundle_free(b);
	return status;
}

static const struct daemon_desc *
describe(void)
{
	static struct daemon_desc d = {
		.name = "rproxy",
		.default_config = "/etc/rproxy/rproxy.ini",
		.metrics = rproxy_metrics,
		.read_plan = read_plan,
		.explain = explain_url,
	};

	d.n_metrics = rproxy_n_metrics;
	d.state = health_state;
	return &d;
}

int
rproxy_master_main(int argc, char **argv)
{
	return master_main(describe(), argc, argv);
}
