/*
 * The TCP connection to an https server, by all addresses of its name.  Runs
 * in the worker; a part of egress_conn.c, which calls it.
 *
 * An address that refuses or fails is followed by the next one, as rproxy does
 * with http servers.  All share the pool's connect_timeout, which rproxy waits
 * for too: an address may be silent for an equal part of what is left, so that
 * one behind a firewall leaves time for the others.
 *
 * Connections that begin at the same time begin at different addresses, and
 * each goes round by itself: none is tried twice and none left out.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/connect.h"
#include "tlsd/worker/egress_conn_inner.h"

static uv_loop_t *
loop_of(const struct egress_conn *c)
{
	return &c->pair.worker->loop;
}

/* Never 0, which a deadline takes for "none". */
static uint64_t
left_ms(const struct egress_conn *c)
{
	uint64_t now_ms = uv_now(loop_of(c));

	return c->connect_due_ms > now_ms ? c->connect_due_ms - now_ms : 1;
}

/* What we have run out of ourselves is not the server's fault. */
static enum egress_code
code_of(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return EGRESS_REFUSED;
	case ETIMEDOUT:
		return EGRESS_TIMEOUT;
	case EMFILE:
	case ENFILE:
	case EAGAIN: /* of local ports, as is the next one */
	case EADDRNOTAVAIL:
	case ENOBUFS:
	case ENOMEM:
		return EGRESS_SHORT;
	default:
		return EGRESS_CONNECT_FAILED;
	}
}

/* The last one has failed.  The name may have moved. */
static enum egress_state
give_up(struct egress_conn *c, enum egress_code code, const char *why)
{
	const struct resolve *r = &c->target->resolve;
	char where[ADDR_TEXT_MAX];

	resolve_again(&c->target->resolve, loop_of(c));
	(void)addr_format(&c->addr, where);
	if (r->n_addr == 1)
		return egress_outcome_fail(
		    c, code, "connect to %s: %s", where, why);
	return egress_outcome_fail(c, code,
	    "connect to %s: %s; no other address of %s can be connected to",
	    where, why, r->host);
}

static enum egress_state
take_server(struct egress_conn *c, int fd)
{
	if (!conn_pair_open_secure(&c->pair, fd)) {
		close(fd);
		return egress_outcome_fail(
		    c, EGRESS_SHORT, "a socket cannot be watched");
	}
	return EGRESS_IN_CONNECT;
}

/* There is one that has not been tried. */
static enum egress_state
try_next(struct egress_conn *c)
{
	const struct resolve *r = &c->target->resolve;

	do {
		deadline_set(&c->pair.deadline, left_ms(c) / c->n_addr + 1);
		c->addr = r->addr[c->next_addr++ % r->n_addr];
		c->n_addr--;
		int fd = connect_begin(&c->addr);
		if (fd >= 0)
			return take_server(c, fd);
	} while (c->n_addr > 0);
	return give_up(c, code_of(errno), strerror(errno));
}

/* The next one is tried when the descriptor of this one is closed. */
static enum egress_state
fail(struct egress_conn *c, enum egress_code code, const char *why)
{
	if (c->n_addr == 0)
		return give_up(c, code, why);
	deadline_clear(&c->pair.deadline);
	conn_pair_close_secure(&c->pair);
	c->pair.secure_ready = 0;
	return EGRESS_IN_CONNECT;
}

enum egress_state
egress_connect_begin(struct egress_conn *c)
{
	struct egress_server *s = c->target;

	c->connect_due_ms = uv_now(loop_of(c)) + s->pool->connect_timeout_ms;
	c->n_addr = s->resolve.n_addr;
	c->next_addr = s->next_addr++;
	if (c->n_addr > 0)
		return try_next(c);
	resolve_again(&s->resolve, loop_of(c));
	return egress_outcome_fail(c, EGRESS_CONNECT_FAILED,
	    "the name %s cannot be resolved", s->resolve.host);
}

enum egress_state
egress_connect_step(struct egress_conn *c)
{
	int error;

	if (!watch_is_open(&c->pair.secure)) /* closing, or has been closed */
		return c->pair.n_handles > 1 ? c->state : try_next(c);
	if (!(c->pair.secure_ready & WATCH_WRITE))
		return c->state;
	error = connect_error(c->pair.secure.fd);
	if (error != 0)
		return fail(c, code_of(error), strerror(error));
	deadline_set(&c->pair.deadline, left_ms(c));
	return EGRESS_IN_HANDSHAKE;
}

enum egress_state
egress_connect_expire(struct egress_conn *c)
{
	return fail(c, EGRESS_TIMEOUT, "no answer within connect_timeout");
}
