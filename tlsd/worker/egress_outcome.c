/*
 * What became of a connection to an https server: for rproxy, for the log, for
 * the metrics.  Runs in the worker; a part of egress_conn.c, which calls it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/check.h"
#include "common/log.h"
#include "tlsd/worker/egress_conn_inner.h"

/* rproxy has been told nothing yet: a header always fits.  False: it is gone.
 */
static bool
tell(const struct egress_conn *c, const struct egress_outcome *o)
{
	char out[EGRESS_WIRE_MAX];
	size_t len = egress_wire_encode_outcome(o, out);

	CHECK(len > 0);
	return send(c->pair.plain.fd, out, len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)len;
}

static void
write_line(const struct egress_conn *c, const char *what, struct slice why)
{
	const struct egress_server *t = c->target;

	if (!log_limit_allows(&c->home->lines))
		return;
	if (t == NULL)
		log_warning("egress: %s: %.*s", what, SLICE_FMT(why));
	else
		log_warning("egress: site %s, pool %s, server %s: %s: %.*s",
		    t->site->name, t->pool->name, t->name, what,
		    SLICE_FMT(why));
}

enum egress_state
egress_outcome_fail_with(
    struct egress_conn *c, enum egress_code code, char *text)
{
	const struct egress_outcome o = { .code = code,
		.text = egress_wire_clean(text) };

	conn_pair_count(&c->pair, TLSD_EGRESS_CONNECTED + code, 1);
	write_line(c, egress_wire_name(code), o.text);
	(void)tell(c, &o);
	return EGRESS_IN_CLOSING;
}

enum egress_state
egress_outcome_fail(
    struct egress_conn *c, enum egress_code code, const char *fmt, ...)
{
	char text[EGRESS_TEXT_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return egress_outcome_fail_with(c, code, text);
}

bool
egress_outcome_succeed(struct egress_conn *c)
{
	const SSL *ssl = c->tls.io.ssl;
	const struct egress_outcome o = { .code = EGRESS_CONNECTED,
		.version = slice_of(SSL_get_version(ssl)),
		.cipher = slice_of(SSL_get_cipher_name(ssl)),
		.is_draining = c->pair.worker->is_leaving };

	if (!tell(c, &o))
		return false;
	conn_pair_count(&c->pair, TLSD_EGRESS_CONNECTED, 1);
	conn_pair_count(
	    &c->pair, TLSD_EGRESS_RESUMED, (uint64_t)SSL_session_reused(ssl));
	return true;
}

void
egress_outcome_note_another(struct egress_conn *c)
{
	if (!c->tls.io.has_refused_another || c->has_noted_another)
		return;
	c->has_noted_another = true;
	write_line(c, "asked to renegotiate, which is refused",
	    SLICE("if it wants a client certificate it must ask for it in the "
		  "first handshake"));
}

void
egress_outcome_note_late(const struct egress_conn *c)
{
	char text[EGRESS_TEXT_MAX + 1];

	conn_pair_count(&c->pair, TLSD_EGRESS_BROKEN, 1);
	if (!c->tls.io.has_failed)
		return; /* memory was short */
	(void)egress_tls_explain(&c->tls, TLS_FAILED, text, sizeof(text));
	write_line(c, "failed after the handshake", egress_wire_clean(text));
}
