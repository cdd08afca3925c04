/*
 * The PROXY header at the beginning of a connection.  Runs in the worker,
 * owned by a client_conn.
 *
 * What comes behind it is TLS and belongs to OpenSSL, so bytes are looked at
 * first (MSG_PEEK) and then only those of the header are taken: all of them as
 * long as it is not whole.
 *
 * Which version it is shows in the first byte: both begin with bytes that the
 * other never has.
 */
#include <errno.h>
#include <sys/socket.h>

#include "common/mem.h"
#include "common/proxy_v1.h"
#include "common/proxy_v2.h"
#include "tlsd/worker/intro.h"

static void
set_ends(struct intro *i, const struct addr *src, const struct addr *dst)
{
	if (src->len == 0)
		return;
	i->src = *src;
	i->dst = *dst;
}

static enum intro_verdict
decode_v1(
    struct intro *i, struct slice in, size_t *used_bytes, const char **reason)
{
	struct proxy_v1 pp;

	switch (proxy_v1_decode(in, &pp, used_bytes, reason)) {
	case PROXY_V1_MORE:
		return INTRO_MORE;
	case PROXY_V1_BAD:
		return INTRO_BAD;
	case PROXY_V1_DONE:
		break;
	}
	set_ends(i, &pp.src, &pp.dst);
	return INTRO_DONE;
}

static enum intro_verdict
decode_v2(
    struct intro *i, struct slice in, size_t *used_bytes, const char **reason)
{
	struct proxy_v2 pp;

	switch (proxy_v2_decode_foreign(in, &pp, used_bytes, reason)) {
	case PROXY_V2_MORE:
		*reason = "the header is too long";
		return in.len < INTRO_MAX ? INTRO_MORE : INTRO_BAD;
	case PROXY_V2_BAD:
		return INTRO_BAD;
	case PROXY_V2_DONE:
		break;
	}
	set_ends(i, &pp.src, &pp.dst);
	return INTRO_DONE;
}

static enum intro_verdict
decode(struct intro *i, size_t *used_bytes, const char **reason)
{
	struct slice in = buf_slice(&i->in);

	return in.p[0] == 'P' ? decode_v1(i, in, used_bytes, reason)
			      : decode_v2(i, in, used_bytes, reason);
}

enum intro_verdict
intro_read(struct intro *i, int fd, const char **reason)
{
	char peeked[INTRO_MAX];
	size_t before = buf_len(&i->in), take;
	ssize_t n = recv(fd, peeked, sizeof(peeked) - before, MSG_PEEK);
	enum intro_verdict v;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return INTRO_MORE;
	if (n <= 0)
		return INTRO_GONE;
	*reason = "out of memory";
	if (!buf_append(&i->in, peeked, (size_t)n, INTRO_MAX))
		return INTRO_BAD;
	take = buf_len(&i->in);
	v = decode(i, &take, reason);
	if (v == INTRO_MORE)
		take = buf_len(&i->in);
	if (v == INTRO_BAD)
		return v;
	/* they are there: a moment ago we saw them */
	if (recv(fd, peeked, take - before, 0) != (ssize_t)(take - before))
		return INTRO_GONE;
	if (v == INTRO_DONE)
		buf_release(&i->in);
	return v;
}

struct intro *
intro_new(void)
{
	return mem_try(sizeof(struct intro));
}

void
intro_free(struct intro *i)
{
	if (i == NULL)
		return;
	buf_release(&i->in);
	mem_free(i);
}

struct addr
intro_destination(const struct intro *i, int fd)
{
	struct addr a = { .len = sizeof(a.u) };

	if (i != NULL && i->dst.len > 0)
		return i->dst;
	if (getsockname(fd, &a.u.sa, &a.len) < 0)
		a.len = 0;
	return a;
}
