/*
 * The signer's work: channels to workers.  Runs in the signer, as its only
 * loop, after the sandbox has closed.
 *
 *	GREETING -> SERVING -> CLOSED      peer gone, or refused once
 *	               ^  |
 *	               |  v
 *	             WAITING               the one reply does not fit yet
 *
 * One message of a channel is answered per turn, so a worker that asks much
 * does not starve the others; a worker that does not read its replies is not
 * asked for more, so nothing queues here.  A request that is not legal is
 * answered with SIGN_REFUSED, logged, and was the last one of its channel:
 * whoever sends such a thing is not a worker of ours any more.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "tlsd/metrics_table.h"
#include "tlsd/signer/serve.h"
#include "tlsd/signer/sign.h"

struct channel {
	int fd;           /* owned; -1: CLOSED */
	unsigned greeted; /* messages of the greeting made so far */
	size_t out_bytes; /* of the message that waits; 0: none */
	bool is_last;     /* CLOSED once that has left */
	char out[PROTOCOL_MAX_MESSAGE];
};

static struct {
	const struct keyring *keyring; /* borrowed from signer_main */
	struct metrics *metrics;       /* borrowed from signer_main */
	bool draining;
	bool stopped;
	struct channel channel[CHILD_MAX_PEERS];
} self;

static void
channel_close(struct channel *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void
channel_open(struct channel *c, int fd)
{
	channel_close(c);
	c->fd = fd;
	c->greeted = 0;
	c->out_bytes = 0;
	c->is_last = false;
}

/* True when nothing waits any more and the channel is open. */
static bool
channel_flush(struct channel *c)
{
	if (c->out_bytes == 0)
		return true;
	if (send(c->fd, c->out, c->out_bytes, MSG_DONTWAIT | MSG_NOSIGNAL) <
	    0) {
		if (errno != EAGAIN && errno != EINTR)
			channel_close(c);
		return false;
	}
	c->out_bytes = 0;
	if (c->is_last)
		channel_close(c);
	return !c->is_last;
}

/* The next message of the greeting; false when all have been made. */
static bool
channel_greet(struct channel *c)
{
	unsigned i = c->greeted;

	if (i == keyring_count(self.keyring))
		return false;
	c->out_bytes = protocol_encode_key((uint16_t)i,
	    keyring_public(self.keyring, i), c->out, sizeof(c->out));
	CHECK(c->out_bytes > 0);
	c->greeted++;
	return true;
}

static enum sign_status
answer(struct channel *c, struct slice request, const char **reason)
{
	static const enum tlsd_metric results[] = {
		[SIGN_OK] = TLSD_SIGNED,
		[SIGN_REFUSED] = TLSD_SIGN_REFUSED,
		[SIGN_FAILED] = TLSD_SIGN_FAILED,
	};
	uint64_t begin_us = clock_monotonic_us();
	enum sign_status status =
	    sign_answer(self.keyring, request, c->out, &c->out_bytes, reason);

	metrics_add(self.metrics, results[status], 1);
	metrics_add(
	    self.metrics, TLSD_SIGNER_BUSY_US, clock_monotonic_us() - begin_us);
	return status;
}

static void
channel_answer(struct channel *c)
{
	static char in[PROTOCOL_MAX_REQUEST + 1]; /* one too long shows */
	const char *reason = "";
	ssize_t n = recv(c->fd, in, sizeof(in), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		channel_close(c);
		return;
	}
	switch (answer(c, (struct slice){ in, (size_t)n }, &reason)) {
	case SIGN_OK:
		break;
	case SIGN_FAILED:
		log_error("a signature for worker %td failed in the library",
		    c - self.channel);
		break;
	case SIGN_REFUSED:
		log_error("worker %td asked for a signature that no TLS server "
			  "needs: %s; its channel is closed",
		    c - self.channel, reason);
		c->is_last = true;
		break;
	}
	channel_flush(c);
}

static void
channel_advance(struct channel *c, short events)
{
	if (c->fd < 0 || !channel_flush(c))
		return;
	while (channel_greet(c))
		if (!channel_flush(c))
			return;
	if ((events & (POLLIN | POLLHUP | POLLERR)) != 0)
		channel_answer(c);
}

static void
obey(const struct child_order *o)
{
	switch (o->what) {
	case CHILD_PEER:
		if (o->fd >= 0 && o->value < CHILD_MAX_PEERS) {
			channel_open(&self.channel[o->value], o->fd);
			channel_advance(&self.channel[o->value], 0);
			return;
		}
		break;
	case CHILD_DRAIN:
		self.draining = true;
		break;
	case CHILD_STOP:
		self.stopped = true;
		break;
	case CHILD_NOTHING:
	case CHILD_LOG:
	case CHILD_LAST:
	case CHILD_ACCESS_LOG:
	case CHILD_FILES:
	case CHILD_TELL:
		break;
	}
	if (o->fd >= 0)
		close(o->fd);
}

static void
obey_all(void)
{
	struct child_order o;

	while ((o = child_next()).what != CHILD_NOTHING)
		obey(&o);
}

/* What to poll: the open channels, and last the master. */
struct watched {
	struct pollfd set[CHILD_MAX_PEERS + 1];
	struct channel *channel[CHILD_MAX_PEERS]; /* borrowed from self */
	unsigned n_channels;
};

static void
gather(struct watched *w)
{
	w->n_channels = 0;
	for (unsigned i = 0; i < CHILD_MAX_PEERS; i++) {
		struct channel *c = &self.channel[i];

		if (c->fd < 0)
			continue;
		w->channel[w->n_channels] = c;
		w->set[w->n_channels++] = (struct pollfd){ .fd = c->fd,
			.events = c->out_bytes > 0 ? POLLOUT : POLLIN };
	}
	w->set[w->n_channels] =
	    (struct pollfd){ .fd = CHILD_CONTROL_FD, .events = POLLIN };
}

/* One turn; false when there is nothing left to do. */
static bool
turn(void)
{
	struct watched w;

	gather(&w);
	if (self.stopped || (self.draining && w.n_channels == 0))
		return false;
	if (poll(w.set, w.n_channels + 1, -1) < 0)
		return errno == EINTR;
	for (unsigned i = 0; i < w.n_channels; i++)
		if (w.set[i].revents != 0)
			channel_advance(w.channel[i], w.set[i].revents);
	if (w.set[w.n_channels].revents != 0)
		obey_all();
	return true;
}

void
serve(const struct keyring *k, struct metrics *m, const int *channel_fd,
    unsigned n_channels)
{
	CHECK(n_channels <= CHILD_MAX_PEERS);
	self.keyring = k;
	self.metrics = m;
	for (unsigned i = 0; i < CHILD_MAX_PEERS; i++) {
		self.channel[i].fd = -1;
		if (i < n_channels)
			channel_open(&self.channel[i], channel_fd[i]);
		channel_advance(&self.channel[i], 0);
	}
	while (turn())
		;
	for (unsigned i = 0; i < CHILD_MAX_PEERS; i++)
		channel_close(&self.channel[i]);
}
