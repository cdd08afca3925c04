/*
 * Two connections after an upgrade: bytes of another protocol, both ways,
 * each way ending by itself.
 */
#ifndef RPROXY_TUNNEL_H
#define RPROXY_TUNNEL_H

#include "common/stream.h"

struct tunnel {
	struct stream *client; /* borrowed, as is server */
	struct stream *server;
	bool client_is_told; /* that the server has ended */
	bool server_is_told;
	uint64_t up_bytes; /* from the client to the server */
	uint64_t down_bytes;
};

enum tunnel_verdict {
	TUNNEL_OPEN,
	TUNNEL_OVER, /* both have ended, and have been told so */
	TUNNEL_CLIENT_GONE,
	TUNNEL_SERVER_GONE,
};

void
tunnel_init(struct tunnel *t, struct stream *client, struct stream *server);
/*
 * Hands to the server what has been read from the client already, then moves
 * what is there: one read from each side that is readable, and none from one
 * whose bytes the other has not taken.
 */
enum tunnel_verdict
tunnel_step(struct tunnel *t, bool client_readable, bool server_readable);
/* Bytes moved in either direction: whether anything happens. */
uint64_t tunnel_progress(const struct tunnel *t);
/* Matches what is waited for to what can be moved. */
void tunnel_want(struct tunnel *t);

#endif
