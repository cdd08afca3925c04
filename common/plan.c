/*
 * What a generation is made of.  Runs in the master, at start and on reload.
 */
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "common/child.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/plan.h"

void
plan_init(struct plan *p, const char *config)
{
	memset(p, 0, sizeof(*p));
	p->config = mem_need_strdup(config);
	p->bundle_fd = -1;
}

void
plan_fini(struct plan *p)
{
	mem_free(p->config);
	if (p->bundle_fd >= 0)
		close(p->bundle_fd);
	mem_free(p->listen);
	for (unsigned i = 0; i < p->n_access_log; i++)
		mem_free(p->access_log[i]);
	mem_free(p->access_log);
	for (unsigned i = 0; i < p->n_watched; i++)
		mem_free(p->watched[i]);
	mem_free(p->watched);
	for (unsigned i = 0; i < p->n_expiry; i++)
		mem_free(p->expiry[i].name);
	mem_free(p->expiry);
	for (unsigned i = 0; i < p->n_server; i++) {
		mem_free(p->server[i].site);
		mem_free(p->server[i].pool);
		mem_free(p->server[i].address);
	}
	mem_free(p->server);
	mem_free(p->log);
	mem_free(p->admin);
	memset(p, 0, sizeof(*p));
	p->bundle_fd = -1;
}

void
plan_add_role(struct plan *p, struct plan_role role)
{
	CHECK(p->n_role < PLAN_MAX_ROLES);
	CHECK(p->n_role > 0 || !role.has_channel_to_first);
	p->role[p->n_role++] = role;
}

void
plan_add_listen(struct plan *p, const struct addr *a, uid_t owner, gid_t group)
{
	size_t n = p->n_listen;

	p->listen = mem_need_grow(
	    p->listen, n * sizeof(*p->listen), (n + 1) * sizeof(*p->listen));
	p->listen[n] = (struct plan_listen){ *a, owner, group };
	p->n_listen++;
}

void
plan_add_access_log(struct plan *p, const char *path)
{
	size_t n = p->n_access_log;

	p->access_log = mem_need_grow(p->access_log, n * sizeof(*p->access_log),
	    (n + 1) * sizeof(*p->access_log));
	p->access_log[n] = mem_need_strdup(path);
	p->n_access_log++;
}

void
plan_add_expiry(
    struct plan *p, enum plan_expiry_kind kind, const char *name, int64_t at_s)
{
	size_t n = p->n_expiry;

	p->expiry = mem_need_grow(
	    p->expiry, n * sizeof(*p->expiry), (n + 1) * sizeof(*p->expiry));
	p->expiry[n] =
	    (struct plan_expiry){ kind, mem_need_strdup(name), at_s };
	p->n_expiry++;
}

void
plan_add_server(struct plan *p, const struct plan_server *server)
{
	size_t n = p->n_server;

	p->server = mem_need_grow(
	    p->server, n * sizeof(*p->server), (n + 1) * sizeof(*p->server));
	p->server[n] = (struct plan_server){ mem_need_strdup(server->site),
		mem_need_strdup(server->pool), mem_need_strdup(server->address),
		server->key };
	p->n_server++;
}

void
plan_add_watched(struct plan *p, const char *path)
{
	size_t n = p->n_watched;

	p->watched = mem_need_grow(
	    p->watched, n * sizeof(*p->watched), (n + 1) * sizeof(*p->watched));
	p->watched[n] = mem_need_strdup(path);
	p->n_watched++;
}

static void
check_limit(const struct plan *p, struct conf_faults *f, unsigned n,
    unsigned max, const char *what)
{
	struct conf_place at = { p->config, 0 };

	if (n > max)
		conf_error(f, at, "%u %s: at most %u", n, what, max);
}

void
plan_check(const struct plan *p, struct conf_faults *f)
{
	unsigned children = 0, channels = 0;

	for (unsigned i = 0; i < p->n_role; i++) {
		children += p->role[i].count;
		if (p->role[i].has_channel_to_first)
			channels += p->role[i].count;
	}
	/* two generations stand side by side during a reload */
	check_limit(p, f, children, METRICS_SLOTS / 2, "processes (workers)");
	check_limit(p, f, channels, CHILD_MAX_PEERS, "workers");
	check_limit(p, f, p->n_listen, CHILD_MAX_LISTEN, "listen addresses");
	check_limit(p, f, p->n_access_log, CHILD_MAX_LOGS, "access logs");
}
