/*
 * Idle connections.  Runs in the worker, for pool.c.
 *
 * upstream_share = any: the most recently used one, for whoever comes.  What
 * must not be sent twice gets one that was in use a moment ago, or none.
 *
 * upstream_share = client: each belongs to the client connection that it was
 * made for and ends with it.  Such a pool is for servers that tie a login to
 * the connection (NTLM, Negotiate), where another connection is another
 * person: so its age does not matter, only that the server has not closed it.
 */
#include "rproxy/upstream/idle.h"

static struct server_conn *
find_own(struct server *s, uint64_t client)
{
	struct server_conn *c;

	TAILQ_FOREACH (c, idle_list(s, client), entry)
		if (c->client == client)
			return c;
	return NULL;
}

static struct server_conn *
use(struct server_conn *c, bool must_be_quiet, const struct server_user *user,
    void *exchange)
{
	if (must_be_quiet && !server_conn_is_quiet(c)) {
		server_conn_drop(c);
		return NULL;
	}
	server_conn_use(c, user, exchange);
	return c;
}

struct server_conn *
idle_take(struct server *s, enum reuse_need need, uint64_t client,
    const struct server_user *user, void *exchange)
{
	uint64_t now_ms = uv_now(upstream_streams(s->home)->loop);
	bool own = s->pool->upstream_share == UPSTREAM_SHARE_CLIENT;
	struct server_conn *c =
	    own ? find_own(s, client) : TAILQ_FIRST(idle_list(s, 0));

	if (c == NULL || need == REUSE_NONE)
		return NULL;
	if (need == REUSE_YOUNG && !own &&
	    now_ms - c->idle_since_ms >= REUSE_YOUNG_MS)
		return NULL;
	return use(c, need == REUSE_YOUNG || own, user, exchange);
}

bool
idle_has_own(struct server *s, uint64_t client)
{
	return s->pool->upstream_share == UPSTREAM_SHARE_CLIENT &&
	       find_own(s, client) != NULL;
}

void
idle_forget(struct server *s, uint64_t client)
{
	struct server_conn *c;

	if (s->pool->upstream_share != UPSTREAM_SHARE_CLIENT)
		return;
	while ((c = find_own(s, client)) != NULL)
		server_conn_drop(c);
}

void
idle_drop_all(struct server *s)
{
	struct server_conn *c;

	for (unsigned i = 0; i < s->n_idle_lists; i++)
		while ((c = TAILQ_FIRST(&s->idle[i])) != NULL)
			server_conn_drop(c);
}
