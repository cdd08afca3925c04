/*
 * What a child cannot do once it is ready.  Runs in worker and prober.
 *
 * No new root directory: getaddrinfo() needs files of /etc when a server's
 * name is asked for again; then a few folders can be read, and nothing else be
 * opened or changed.  A process whose http servers are all given as addresses
 * cannot open any file, by its list of system calls, and sends no datagrams.
 * TCP goes to the ports of http servers, and to name servers where there are
 * names: whatever else a broken-in process wants of the intranet it does not
 * get.
 */
#include "rproxy/lock_up.h"

#include <string.h>

#include "common/check.h"
#include "common/child.h"
#include "common/mem.h"
#include "common/privdrop.h"
#include "common/resolve.h"
#include "common/sandbox.h"
#include "common/socket_rules.h"

#define MAX_CALLS 64
#define DNS_PORT 53 /* where an answer is too long for a datagram */

static size_t
add_ports(uint16_t *out, const struct pool_conf *pool)
{
	size_t n = 0;

	for (size_t i = 0; i < pool->n_server; i++)
		if (!pool->server[i].https)
			out[n++] = pool->server[i].port;
	return n;
}

/* The caller frees. */
static uint16_t *
ports_of(const struct rproxy_config *c, bool has_names, size_t *n)
{
	size_t room = 1;
	uint16_t *ports;

	for (size_t i = 0; i < c->sites.n; i++)
		for (size_t k = 0; k < c->sites.v[i]->n_pool; k++)
			room += c->sites.v[i]->pool[k].n_server;
	ports = mem_need(room * sizeof(*ports));
	*n = 0;
	for (size_t i = 0; i < c->sites.n; i++)
		for (size_t k = 0; k < c->sites.v[i]->n_pool; k++)
			*n += add_ports(ports + *n, &c->sites.v[i]->pool[k]);
	if (has_names)
		ports[(*n)++] = DNS_PORT;
	return ports;
}

void
lock_up(const struct rproxy_config *c, const char *const *calls, size_t n_calls,
    bool has_names)
{
	const char *all[MAX_CALLS + RESOLVE_MAX_CALLS];
	const struct privdrop drop = { .user = c->user };
	size_t n_ports;
	uint16_t *ports = ports_of(c, has_names, &n_ports);
	struct sandbox_only only[SOCKET_RULES_MAX];
	struct sandbox_rules rules = { .allow = all,
		.n_allow = n_calls,
		.only = only,
		.n_only = socket_rules(
		    has_names ? SOCKET_NEED_NAMES : SOCKET_NEED_TCP, only),
		.no_tcp_out = true,
		.tcp_ports = ports,
		.n_tcp_ports = n_ports };
	const char *error;

	CHECK(n_calls <= MAX_CALLS);
	memcpy(all, calls, n_calls * sizeof(*calls));
	if (has_names) {
		rules.n_allow += resolve_calls(all + n_calls);
		rules.n_read_only = resolve_folders(&rules.read_only);
	}
	if (!privdrop(&drop, &error) || !sandbox_enter(&rules, &error))
		child_fail("%s", error);
	mem_free(ports);
}
