/*
 * Asking tlsd for a connection to an https server.  Runs in the worker and in
 * the prober.
 *
 *	there --connect fails--> away --connect succeeds--> there
 *
 * One line in the log for each change.
 *
 * tlsd is another process of this gateway, but what it tells comes partly from
 * a server: a header that breaks the rules is an outcome of its own and never
 * an abort.
 */
#include "rproxy/upstream/egress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "rproxy/metrics_table.h"

/* the socket --------------------------------------------------------------- */

static void
on_attempt(struct reach *r, int error)
{
	struct egress *e = container_of(r, struct egress, reach);

	if (e->is_away == (error != 0))
		return;
	e->is_away = error != 0;
	if (e->is_away) {
		e->away_since_ms = clock_monotonic_ms();
		log_warning("tlsd cannot be reached at %s (egress): %s; "
			    "connections to https servers wait for it up to "
			    "their pool's connect_timeout",
		    e->path,
		    error == EAGAIN ? "its queue is full" : strerror(error));
		return;
	}
	log_warning("tlsd is back at %s (egress) after %" PRIu64 " ms", e->path,
	    clock_monotonic_ms() - e->away_since_ms);
}

void
egress_init(struct egress *e, const char *path, struct deadlines *deadlines,
    struct metrics *metrics)
{
	struct addr address;

	CHECK(addr_parse(slice_of(path), &address));
	*e = (struct egress){ .path = path };
	reach_init(&e->reach, &address, deadlines, metrics, M_EGRESS_WAITING,
	    on_attempt);
}

/* question and answer ------------------------------------------------------ */

struct slice
egress_question(const struct site_conf *site, const struct pool_conf *pool,
    const struct server_conf *server)
{
	char name[EGRESS_SERVER_MAX], bytes[EGRESS_WIRE_MAX];
	const struct egress_target target = {
		.site = slice_of(site->name),
		.pool = slice_of(pool->name),
		.server = slice_of(
		    egress_wire_server(server->host, server->port, name)),
	};
	size_t len = egress_wire_encode_target(&target, bytes);
	char *kept = mem_need(len + 1);

	/* names of sites and pools have at most 253 and 48 characters */
	CHECK(len > 0);
	memcpy(kept, bytes, len);
	return (struct slice){ kept, len };
}

static enum reason
reason_of(enum egress_code code)
{
	switch (code) {
	case EGRESS_CONNECTED:
		return REASON_OK;
	case EGRESS_UNKNOWN:
		return REASON_EGRESS_TARGET;
	case EGRESS_REFUSED:
		return REASON_CONNECT_REFUSED;
	case EGRESS_CONNECT_FAILED:
		return REASON_CONNECT_FAILED;
	case EGRESS_TIMEOUT:
		return REASON_CONNECT_TIMEOUT;
	case EGRESS_CERTIFICATE:
		return REASON_TLS_CERTIFICATE;
	case EGRESS_HANDSHAKE:
		return REASON_TLS_HANDSHAKE;
	case EGRESS_SHORT:
		return REASON_TOO_MANY;
	}
	return REASON_INTERNAL;
}

static enum egress_verdict
take_outcome(const struct egress_outcome *o, struct egress_answer *out)
{
	out->why = reason_of(o->code);
	out->is_draining = o->is_draining;
	if (o->code != EGRESS_CONNECTED) {
		(void)snprintf(
		    out->text, sizeof(out->text), "%.*s", SLICE_FMT(o->text));
		return EGRESS_FAILED;
	}
	(void)snprintf(out->text, sizeof(out->text), "%.*s %.*s",
	    SLICE_FMT(o->version), SLICE_FMT(o->cipher));
	return EGRESS_OPEN;
}

static enum egress_verdict
broken(struct egress_answer *out, const char *what)
{
	out->why = REASON_INTERNAL;
	(void)snprintf(out->text, sizeof(out->text),
	    "tlsd's answer is malformed: %s", what);
	return EGRESS_FAILED;
}

static enum egress_verdict
decode(struct stream *s, struct egress_answer *out)
{
	struct egress_outcome outcome;
	const char *what = NULL;
	size_t used = 0;
	enum egress_verdict v;

	switch (egress_wire_decode_outcome(
	    buf_slice(&s->in), &outcome, &used, &what)) {
	case PROXY_V2_MORE:
		return EGRESS_WAIT;
	case PROXY_V2_BAD:
		return broken(out, what);
	case PROXY_V2_DONE:
		break;
	}
	v = take_outcome(&outcome, out);
	buf_consume(&s->in, used);
	return v;
}

enum egress_verdict
egress_read(struct stream *s, struct egress_answer *out)
{
	/* the length is known from the first bytes */
	for (;;) {
		enum egress_verdict v;

		switch (stream_fill(s, egress_wire_wants(buf_slice(&s->in)))) {
		case STREAM_WAIT:
			return EGRESS_WAIT;
		case STREAM_END:
		case STREAM_FAILED:
			return EGRESS_LOST;
		case STREAM_OK:
			break;
		}
		v = decode(s, out);
		if (v != EGRESS_WAIT)
			return v;
	}
}
