/*
 * The states of a client connection.  Pure; used by the worker.
 */
#include "tlsd/worker/client_state.h"

/* Between our last byte and the client's. */
#define DRAIN_MS 1000
/* Silence of a client after rproxy has ended its half (a tunnel). */
#define HALF_CLOSED_MS 60000

bool
client_state_may_become(enum client_state from, enum client_state to)
{
	static const unsigned allowed[] = {
		[CLIENT_INTRO] = 1u << CLIENT_HANDSHAKE | 1u << CLIENT_CLOSING,
		[CLIENT_HANDSHAKE] = 1u << CLIENT_WAIT | 1u << CLIENT_DRAIN |
				     1u << CLIENT_CLOSING,
		[CLIENT_WAIT] = 1u << CLIENT_ANNOUNCE | 1u << CLIENT_DRAIN |
				1u << CLIENT_CLOSING,
		[CLIENT_ANNOUNCE] = 1u << CLIENT_RELAY | 1u << CLIENT_CLOSING,
		[CLIENT_RELAY] = 1u << CLIENT_WAIT | 1u << CLIENT_DRAIN |
				 1u << CLIENT_CLOSING,
		[CLIENT_DRAIN] = 1u << CLIENT_CLOSING,
		[CLIENT_CLOSING] = 0,
	};

	return (allowed[from] & 1u << to) != 0;
}

uint64_t
client_state_ms(
    enum client_state s, const struct tlsd_config *config, bool is_half_closed)
{
	switch (s) {
	case CLIENT_INTRO:
	case CLIENT_HANDSHAKE:
	case CLIENT_WAIT:
		return config->handshake_timeout_ms;
	case CLIENT_ANNOUNCE:
		return config->backend_wait_ms;
	case CLIENT_RELAY:
		/* rproxy may leave unseen while it has nothing to send */
		return is_half_closed &&
			       config->idle_timeout_ms > HALF_CLOSED_MS
			   ? HALF_CLOSED_MS
			   : config->idle_timeout_ms;
	case CLIENT_DRAIN:
		return DRAIN_MS;
	case CLIENT_CLOSING:
		break;
	}
	return 0;
}
