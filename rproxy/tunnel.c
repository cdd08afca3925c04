/*
 * Tunnels.  Runs in the worker; owned by the exchange.
 *
 *	client --- up ---> server	an end is passed on as the end of that
 *	client <-- down -- server	direction; the other goes on
 *
 * Holds at most one scratch space for each direction: while something is held,
 * its source is not read.
 */
#include "rproxy/tunnel.h"

void
tunnel_init(struct tunnel *t, struct stream *client, struct stream *server)
{
	*t = (struct tunnel){ .client = client, .server = server };
}

static enum stream_verdict
send_bytes(struct stream *to, char *bytes, size_t len, uint64_t *count)
{
	struct iovec v = { bytes, len };

	*count += len;
	return stream_send(to, &v, 1);
}

/* What came along with the request. */
static enum stream_verdict
send_read_ahead(struct tunnel *t)
{
	struct buf *in = &t->client->in;
	size_t len = buf_len(in);

	if (len == 0)
		return STREAM_OK;
	enum stream_verdict v =
	    send_bytes(t->server, buf_bytes(in), len, &t->up_bytes);
	buf_consume(in, len);
	return v;
}

/* False: to has failed.  What from has to say is in its own fields. */
static bool
move(struct stream *from, struct stream *to, bool readable, uint64_t *count)
{
	char *scratch = from->home->scratch;
	size_t len = 0;

	if (stream_flush(to) == STREAM_FAILED)
		return false;
	if (!readable || buf_len(&to->out) > 0)
		return true;
	if (stream_read(from, scratch, STREAM_SCRATCH_BYTES, &len) != STREAM_OK)
		return true;
	return send_bytes(to, scratch, len, count) != STREAM_FAILED;
}

static void
pass_end_on(const struct stream *from, struct stream *to, bool *is_told)
{
	if (!from->ended || *is_told || buf_len(&to->out) > 0)
		return;
	stream_shut(to);
	*is_told = true;
}

/* It has closed altogether, not just its own direction. */
static bool
is_gone(const struct stream *s, bool is_told)
{
	if (s->read_error != 0 || s->write_error != 0)
		return true;
	return s->ended && !is_told && stream_is_gone(s);
}

enum tunnel_verdict
tunnel_step(struct tunnel *t, bool client_readable, bool server_readable)
{
	if (send_read_ahead(t) == STREAM_FAILED ||
	    !move(t->client, t->server, client_readable, &t->up_bytes))
		return TUNNEL_SERVER_GONE;
	if (!move(t->server, t->client, server_readable, &t->down_bytes))
		return TUNNEL_CLIENT_GONE;
	if (is_gone(t->client, t->client_is_told))
		return TUNNEL_CLIENT_GONE;
	if (is_gone(t->server, t->server_is_told))
		return TUNNEL_SERVER_GONE;
	pass_end_on(t->client, t->server, &t->server_is_told);
	pass_end_on(t->server, t->client, &t->client_is_told);
	return t->client_is_told && t->server_is_told ? TUNNEL_OVER
						      : TUNNEL_OPEN;
}

uint64_t
tunnel_progress(const struct tunnel *t)
{
	return t->client->bytes_in + t->client->bytes_out +
	       t->server->bytes_in + t->server->bytes_out;
}

void
tunnel_want(struct tunnel *t)
{
	stream_want(t->client, buf_len(&t->server->out) == 0);
	stream_want(t->server, buf_len(&t->client->out) == 0);
}
