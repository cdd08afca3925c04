/*
 * The states of a client connection.  Pure; used by the worker.
 */
#include "tlsd/worker/client_state.h"

/* Between our last byte and the client's. */
#define DRAIN_MS 1000
/*
 * Silence of a client after rproxy has ended its half.  Many a client keeps
 * what we have ended in its pool, or is asleep, and never ends its own half.
 */
#define HALF_CLOSED_MS 5000
/* The same, and that of a new client, while others wait for us to leave. */
#define LEAVING_HALF_CLOSED_MS 1000
#define LEAVING_WAIT_MS 3000

static uint64_t
least(uint64_t a_ms, uint64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

static uint64_t
relay_ms(const struct tlsd_config *config, bool is_half_closed, bool is_leaving)
{
	if (!is_half_closed)
		return config->idle_timeout_ms;
	return least(config->idle_timeout_ms,
	    is_leaving ? LEAVING_HALF_CLOSED_MS : HALF_CLOSED_MS);
}

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
client_state_ms(enum client_state s, const struct tlsd_config *config,
    bool is_half_closed, bool is_leaving)
{
	switch (s) {
	case CLIENT_INTRO:
	case CLIENT_HANDSHAKE:
		return config->handshake_timeout_ms;
	case CLIENT_WAIT:
		return least(config->handshake_timeout_ms,
		    is_leaving ? LEAVING_WAIT_MS : UINT64_MAX);
	case CLIENT_ANNOUNCE:
		return config->backend_wait_ms;
	case CLIENT_RELAY:
		/* rproxy may leave unseen while it has nothing to send */
		return relay_ms(config, is_half_closed, is_leaving);
	case CLIENT_DRAIN:
		return DRAIN_MS;
	case CLIENT_CLOSING:
		break;
	}
	return 0;
}
