/*
 * Sites as rproxy sees them.  Runs at start-up, in the master to find faults
 * and in each child to have the result.
 */
#include "rproxy/config_site.h"

#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"
#include "rproxy/rewrite/profile.h"
#include "rproxy/route/pattern.h"

/* expressions -------------------------------------------------------------- */

/* The highest "$n" of a rule's target. */
static unsigned
highest_group(const char *to)
{
	unsigned highest = 0;

	for (; *to != '\0'; to++) {
		if (*to != '$')
			continue;
		to++; /* a digit or '$': common/site_rule_value.c */
		if (*to != '$' && (unsigned)(*to - '0') > highest)
			highest = (unsigned)(*to - '0');
	}
	return highest;
}

static void
compile(const char *key, struct rule_conf *rule, struct conf_faults *f)
{
	char error[160];
	unsigned n_groups = 0;

	if (rule->is_pattern) {
		rule->pattern = pattern_new(rule->from, error, sizeof(error));
		if (rule->pattern == NULL) {
			conf_error(f, rule->at, "http.%s: \"%s\": %s", key,
			    rule->from, error);
			return;
		}
		n_groups = pattern_n_groups(rule->pattern);
	}
	if (highest_group(rule->to) > n_groups)
		conf_error(f, rule->at,
		    "http.%s: $%u in \"%s\", but there are %u groups in "
		    "parentheses",
		    key, highest_group(rule->to), rule->to, n_groups);
}

static void
compile_all(const char *key, struct rule_list *l, struct conf_faults *f)
{
	for (size_t i = 0; i < l->n; i++)
		compile(key, &l->v[i], f);
}

static void
release_all(struct rule_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		pattern_free(l->v[i].pattern);
		l->v[i].pattern = NULL;
	}
}

/* pools -------------------------------------------------------------------- */

static bool
have_ids(const struct pool_conf *pool)
{
	for (size_t i = 0; i < pool->n_server; i++)
		if (pool->server[i].id == NULL)
			return false;
	return true;
}

static enum sticky_mode
default_sticky(const struct pool_conf *pool, const struct profile *profile)
{
	if (pool->n_server < 2)
		return STICKY_NONE;
	if (profile->sticky == STICKY_APP && !have_ids(pool))
		return STICKY_NONE;
	return profile->sticky;
}

static void
complete_health(struct pool_conf *pool, const struct profile *profile,
    struct conf_faults *f)
{
	if (pool->health == NULL || strcmp(pool->health, "app") != 0)
		return;
	if (profile->health == NULL) {
		conf_error(f, pool->at,
		    "pool.health: there is no path that every such server "
		    "has, write /PATH of one of its applications");
		return;
	}
	mem_free(pool->health);
	pool->health = mem_need_strdup(profile->health);
}

static void
complete_pool(
    const struct site_conf *site, struct pool_conf *pool, struct conf_faults *f)
{
	const struct profile *profile = profile_of(site->app);

	if (pool->keepalive_timeout_ms == 0)
		pool->keepalive_timeout_ms = profile->idle_s * 1000;
	complete_health(pool, profile, f);
	if (pool->sticky == STICKY_AUTO)
		pool->sticky = default_sticky(pool, profile);
	else if (pool->sticky == STICKY_APP && profile->sticky == STICKY_NONE)
		conf_error(f, pool->at,
		    "pool.sticky: servers of site.app tell no id, write "
		    "sticky = cookie");
	else if (pool->sticky == STICKY_APP && !have_ids(pool))
		conf_error(f, pool->at,
		    "pool.sticky: app needs an id=ID behind each server, as "
		    "the server itself writes it");
}

/* access points ------------------------------------------------------------ */

static bool
is_told(const char *text, const char *point)
{
	struct slice rest = slice_of(text), one;

	while (slice_split(&rest, ',', &one))
		if (slice_eq(one, slice_of(point)))
			return true;
	return false;
}

static void
add_point(char *out, size_t room, const char *protocol, unsigned port)
{
	char point[32];
	size_t n = strlen(out);

	(void)snprintf(point, sizeof(point), "%s=%u", protocol, port);
	if (!is_told(out, point))
		(void)snprintf(
		    out + n, room - n, "%s%s", n > 0 ? "," : "", point);
}

/* As SAP's Web Dispatcher writes it: our plain ports, the site's https. */
static char *
access_points(const struct rproxy_config *c, const struct site_conf *site)
{
	char text[256] = "";

	for (size_t i = 0; i < c->n_listen; i++) {
		const struct listen_conf *l = &c->listen[i];

		for (size_t k = 0; k < l->n_address && !l->proxy_v2; k++)
			add_point(text, sizeof(text), "HTTP",
			    addr_port(&l->address[k]));
	}
	if (site->tls.present)
		add_point(text, sizeof(text), "HTTPS", site->http.https_port);
	return mem_need_strdup(text);
}

/* all ---------------------------------------------------------------------- */

void
config_site_complete(struct rproxy_config *c, struct conf_faults *f)
{
	for (size_t i = 0; i < c->sites.n; i++) {
		struct site_conf *site = c->sites.v[i];

		compile_all("redirect", &site->http.redirect, f);
		compile_all("rewrite", &site->http.rewrite, f);
		for (size_t k = 0; k < site->n_pool; k++)
			complete_pool(site, &site->pool[k], f);
		site->access_points = access_points(c, site);
	}
}

void
config_site_release(struct rproxy_config *c)
{
	for (size_t i = 0; i < c->sites.n; i++) {
		release_all(&c->sites.v[i]->http.redirect);
		release_all(&c->sites.v[i]->http.rewrite);
	}
}
