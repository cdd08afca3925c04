/*
 * The signals that a master obeys, on its event loop.
 */
#ifndef COMMON_SIGNALS_H
#define COMMON_SIGNALS_H

#include <uv.h>

enum signal_order {
	SIGNAL_DRAIN,  /* TERM, INT: finish what is open, then leave */
	SIGNAL_STOP,   /* QUIT: leave now */
	SIGNAL_RELOAD, /* HUP */
	SIGNAL_REOPEN, /* USR1: log files */
};

struct signals;

/* on_order never runs before this returns; SIGPIPE is ignored from now on. */
struct signals *signals_start(uv_loop_t *loop,
    void (*on_order)(enum signal_order order, void *ctx), void *ctx);
/* Frees s when the loop has turned. */
void signals_stop(struct signals *s);

#endif
