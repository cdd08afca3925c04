/*
 * The states of a client connection: which may follow which, and how long
 * each may last.  Pure.  What they mean stands at the head of client_conn.c.
 */
#ifndef TLSD_WORKER_CLIENT_STATE_H
#define TLSD_WORKER_CLIENT_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "tlsd/config.h"

/* in the order of TLSD_IN_* */
enum client_state {
	CLIENT_INTRO,
	CLIENT_HANDSHAKE,
	CLIENT_WAIT,
	CLIENT_ANNOUNCE,
	CLIENT_RELAY,
	CLIENT_DRAIN,
	CLIENT_CLOSING,
};

bool client_state_may_become(enum client_state from, enum client_state to);
/*
 * is_half_closed: in RELAY, rproxy has ended its half; is_leaving: the worker
 * drains.  0: no limit.
 */
uint64_t client_state_ms(enum client_state s, const struct tlsd_config *config,
    bool is_half_closed, bool is_leaving);

#endif
