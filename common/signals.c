/*
 * The signals that a master obeys.  Runs in the master; children ignore these
 * signals, so that one sent to the whole process group (a terminal, systemd)
 * does not take them away under the master's hands.
 */
#include <signal.h>

#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/signals.h"

static const struct {
	int signum;
	enum signal_order order;
} table[] = {
	{ SIGTERM, SIGNAL_DRAIN },
	{ SIGINT, SIGNAL_DRAIN },
	{ SIGQUIT, SIGNAL_STOP },
	{ SIGHUP, SIGNAL_RELOAD },
	{ SIGUSR1, SIGNAL_REOPEN },
};

struct signals {
	uv_signal_t handle[ARRAY_LEN(table)];
	void (*on_order)(enum signal_order order, void *ctx);
	void *ctx; /* borrowed, outlives us */
	unsigned n_open;
};

static void
on_signal(uv_signal_t *h, int signum)
{
	struct signals *s = h->data;

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].signum == signum)
			s->on_order(table[i].order, s->ctx);
}

struct signals *
signals_start(uv_loop_t *loop,
    void (*on_order)(enum signal_order order, void *ctx), void *ctx)
{
	struct signals *s = mem_need(sizeof(*s));

	s->on_order = on_order;
	s->ctx = ctx;
	signal(SIGPIPE, SIG_IGN);
	/* haproxy and nginx reload or upgrade on it: no reason to die here */
	signal(SIGUSR2, SIG_IGN);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (uv_signal_init(loop, &s->handle[i]) < 0 ||
		    uv_signal_start(&s->handle[i], on_signal, table[i].signum) <
			0)
			fatal("cannot handle signal %d", table[i].signum);
		s->handle[i].data = s;
		s->n_open++;
	}
	return s;
}

static void
on_signal_closed(uv_handle_t *h)
{
	struct signals *s = h->data;

	if (--s->n_open == 0)
		mem_free(s);
}

void
signals_stop(struct signals *s)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		uv_close((uv_handle_t *)&s->handle[i], on_signal_closed);
}
