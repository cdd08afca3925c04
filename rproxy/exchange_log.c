/*
 * What is written down about an exchange.  Runs in the worker.
 *
 * One line in the access log of its site, if there is one; one in the error
 * log when it did not go well: with the site, the client and the reason.  A
 * fault of the client is worth "info", one of a server or of ours "warning".
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"
#include "rproxy/exchange_state.h"
#include "rproxy/metrics_table.h"

/*
 * tlsd's identifier of the connection where there is one, so that the logs of
 * both can be joined, else one of ours; and the number of the request.
 */
struct slice
exchange_id(const struct exchange *x, char id[EXCHANGE_ID_MAX])
{
	const struct client_conn *c = x->client;
	const struct proxy_v2 *tls = x->who.tls;
	int n;

	if (tls != NULL && tls->unique_id.len > 0)
		n = snprintf(id, EXCHANGE_ID_MAX, "%.*s.%u",
		    SLICE_FMT(slice_first(tls->unique_id, 128)), c->n_requests);
	else
		n = snprintf(id, EXCHANGE_ID_MAX,
		    "%" PRIx64 "-%u-%" PRIx64 ".%u", x->home->started_ms,
		    x->home->worker, c->serial, c->n_requests);
	return (struct slice){ id, (size_t)n };
}

static struct slice
value_of(const struct fields *f, enum field_id id)
{
	const struct field *v = fields_first(f, id);

	return v != NULL ? v->value : SLICE_NONE;
}

static void
fill(const struct exchange *x, struct access_entry *e)
{
	const struct request_head *r = &x->request.head;
	const struct client_facts *who = &x->who;

	e->client = who->addr_text;
	e->https = who->https;
	e->refused_line = x->request.line;
	e->method = r->method;
	e->target = r->target;
	e->minor = r->minor;
	e->referer = value_of(&r->fields, FIELD_REFERER);
	e->user_agent = value_of(&r->fields, FIELD_USER_AGENT);
	e->host = x->plan.host;
	if (who->tls != NULL && who->https) {
		e->tls_version = who->tls->version;
		e->tls_cipher = who->tls->cipher;
	}
	if (who->cert_verified)
		e->cert_subject = who->tls->subject;
}

static void
fill_result(const struct exchange *x, struct access_entry *e)
{
	e->status = x->status;
	e->body_bytes =
	    x->own_bytes + x->down.content_bytes + x->tunnel.down_bytes;
	e->request_bytes = x->up.content_bytes + x->tunnel.up_bytes;
	if (x->plan.site != NULL)
		e->site = slice_of(x->plan.site->name);
	if (x->plan.route != NULL)
		e->route = slice_of(x->plan.route->name);
	if (x->plan.pool != NULL)
		e->pool = slice_of(x->plan.pool->name);
	e->server = slice_of(x->server_label);
	e->reason = slice_of(reason_name(x->why));
	e->is_reused = x->is_reused;
	e->n_retries = x->n_retries;
	e->total_ms = exchange_now_ms(x) - x->begun_ms;
	e->connect_ms = x->connect_ms;
	e->head_ms = x->head_ms;
}

static void
log_access(struct exchange *x, int file)
{
	struct access_entry e = { 0 };
	char id[EXCHANGE_ID_MAX];

	fill(x, &e);
	fill_result(x, &e);
	e.id = exchange_id(x, id);
	e.time_ms = exchange_wall_ms(x) - e.total_ms;
	access_log_add(x->home->log, file, &e);
}

static void
log_failure(const struct exchange *x)
{
	char id[EXCHANGE_ID_MAX], text[1024];
	struct slice line = x->request.line;
	struct slice method = slice_first(x->request.head.method, 32);
	struct slice target = slice_first(x->request.head.target, 256);

	bool is_usual = reason_party(x->why) == PARTY_CLIENT ||
			reason_party(x->why) == PARTY_NONE;
	if (is_usual && log_get_level() < LOG_LEVEL_INFO)
		return;
	(void)snprintf(text, sizeof(text),
	    "site %s: client %.*s: %s: %.*s%s%.*s: server %s: status %u: "
	    "id %.*s",
	    x->plan.site != NULL ? x->plan.site->name : "-",
	    SLICE_FMT(x->who.addr_text), reason_name(x->why),
	    SLICE_FMT(line.len > 0 ? line : method), line.len > 0 ? "" : " ",
	    SLICE_FMT(target), x->server_label != NULL ? x->server_label : "-",
	    x->status, SLICE_FMT(exchange_id(x, id)));
	if (is_usual)
		log_info("%s", text);
	else
		log_warning("%s", text);
}

/* What is beyond 599 is a server error to clients (RFC 9110 section 15). */
static unsigned
class_of(unsigned status)
{
	return status >= 600 ? 5 : status / 100;
}

void
exchange_log(struct exchange *x)
{
	struct metrics *m = x->home->metrics;
	int file = access_log_for(x->home->log, x->plan.site);

	if (x->status != 0)
		metrics_add(m, M_REQUESTS_1XX + class_of(x->status) - 1, 1);
	if (file >= 0)
		log_access(x, file);
	if (x->why == REASON_OK)
		return;
	metrics_add(m, M_FAILURES + (unsigned)x->why, 1);
	log_failure(x);
}
