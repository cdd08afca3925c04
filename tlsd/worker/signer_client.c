/*
 * The worker's end of the channel to the signer.  Runs in the worker.
 *
 *	op:  IDLE -> UNSENT -> SENT -> done     the reply, or the channel's end
 *	       ^                 |
 *	       +-----------------+              cancelled
 *
 * Two queues in order of asking: what has not been sent yet (ASK_AHEAD are
 * under way, or there is no channel), and what waits for its reply.  The signer
 * answers in order, so a reply belongs to the head of the second queue, or to
 * an operation that was cancelled.
 *
 * A channel is an object of its own, since its end on the loop comes later
 * than its replacement.  A signer that was started anew greets with the same
 * public keys as the one before (it checks them against the certificates of
 * the same configuration); if it does not, its channel is ended.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/watch.h"
#include "tlsd/worker/signer_client.h"

/*
 * Questions that wait at the signer: enough to keep it busy, and so few that
 * on a core that all share it soon has nothing to do, and others have a turn.
 */
#define ASK_AHEAD 4

struct channel {
	struct watch watch;
	struct signer_client *client; /* borrowed; NULL once closing */
};

struct public_key {
	char *spki; /* owned */
	size_t len_bytes;
};

TAILQ_HEAD(sign_op_queue, sign_op);

struct signer_client {
	uv_loop_t *loop;            /* borrowed from the worker */
	struct channel *channel;    /* owned until closed; NULL: down */
	void (*on_lost)(void *ctx); /* NULL: nobody asks */
	void *ctx;                  /* borrowed from the caller */
	uint32_t last_id;
	struct sign_op_queue unsent;
	struct sign_op_queue sent;
	unsigned n_asked;       /* questions that the signer has not answered */
	struct public_key *key; /* owned */
	unsigned n_keys;
};

static void
on_channel_closed(struct watch *w)
{
	mem_free(container_of(w, struct channel, watch));
}

static void
channel_close(struct signer_client *c)
{
	struct channel *ch = c->channel;

	if (ch == NULL)
		return;
	c->channel = NULL;
	ch->client = NULL;
	watch_close(&ch->watch, on_channel_closed);
}

static void
unqueue(struct signer_client *c, struct sign_op *op)
{
	switch (op->place) {
	case SIGN_OP_IDLE:
		break;
	case SIGN_OP_UNSENT:
		TAILQ_REMOVE(&c->unsent, op, entry);
		break;
	case SIGN_OP_SENT:
		TAILQ_REMOVE(&c->sent, op, entry);
		break;
	}
	op->place = SIGN_OP_IDLE;
}

static void
finish(struct signer_client *c, struct sign_op *op, enum sign_status status)
{
	unqueue(c, op);
	op->done = true;
	op->status = status;
	op->on_done(op);
}

/*
 * What was under way fails; what comes meanwhile waits for the next channel,
 * each as long as its handshake may take.
 */
static void
channel_down(struct signer_client *c)
{
	struct sign_op *op;

	channel_close(c);
	c->n_asked = 0;
	while ((op = TAILQ_FIRST(&c->sent)) != NULL)
		finish(c, op, SIGN_FAILED);
}

static void
tell_loss(const struct signer_client *c)
{
	if (c->on_lost != NULL)
		c->on_lost(c->ctx);
}

static bool
keep_signature(struct sign_op *op, struct slice signature)
{
	op->signature = mem_try(signature.len);
	if (op->signature == NULL)
		return false;
	memcpy(op->signature, signature.p, signature.len);
	op->signature_bytes = signature.len;
	return true;
}

/* False: the signer said what it may not say. */
static bool
take_reply(struct signer_client *c, struct slice message)
{
	struct sign_op *op = TAILQ_FIRST(&c->sent);
	struct sign_reply r;

	if (!protocol_decode_reply(message, &r) ||
	    r.signature.len > SIGNATURE_MAX || c->n_asked == 0)
		return false;
	c->n_asked--;
	if (op == NULL || op->id != r.id)
		return true; /* cancelled */
	if (r.status == SIGN_OK && !keep_signature(op, r.signature))
		r.status = SIGN_FAILED;
	finish(c, op, r.status);
	return true;
}

static bool
take_key(struct signer_client *c, struct slice message)
{
	struct public_key *k;
	struct slice spki;
	uint16_t no;

	if (!protocol_decode_key(message, &no, &spki) || no >= c->n_keys)
		return false;
	k = &c->key[no];
	if (k->spki != NULL)
		return slice_eq((struct slice){ k->spki, k->len_bytes }, spki);
	k->spki = mem_need(spki.len);
	k->len_bytes = spki.len;
	memcpy(k->spki, spki.p, spki.len);
	return true;
}

static bool
take(struct signer_client *c, struct slice message)
{
	switch (message.p[0]) {
	case 'R':
		return take_reply(c, message);
	case 'K':
		return take_key(c, message);
	}
	return false;
}

/* EAGAIN leaves it UNSENT; any other error shows as the channel's end. */
static bool
send_request(struct signer_client *c, struct sign_op *op)
{
	const struct sign_request r = { op->algorithm, op->key_no, op->id,
		op->tbs };
	static char out[PROTOCOL_MAX_REQUEST];
	size_t len_bytes = protocol_encode_request(&r, out, sizeof(out));

	CHECK(len_bytes > 0);
	return send(c->channel->watch.fd, out, len_bytes,
		   MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static bool
may_ask(const struct signer_client *c)
{
	return c->n_asked < ASK_AHEAD && !TAILQ_EMPTY(&c->unsent);
}

static void
send_unsent(struct signer_client *c)
{
	struct sign_op *op;

	while (may_ask(c)) {
		op = TAILQ_FIRST(&c->unsent);
		if (!send_request(c, op))
			return;
		c->n_asked++;
		TAILQ_REMOVE(&c->unsent, op, entry);
		op->place = SIGN_OP_SENT;
		TAILQ_INSERT_TAIL(&c->sent, op, entry);
	}
}

static void
match_interest(struct signer_client *c)
{
	watch_want(&c->channel->watch,
	    may_ask(c) ? WATCH_READ | WATCH_WRITE : WATCH_READ);
}

/* One message, if *is_there; false: the channel has ended. */
static bool
receive_one(struct signer_client *c, int flags, bool *is_there)
{
	char in[PROTOCOL_MAX_MESSAGE];
	ssize_t n = recv(c->channel->watch.fd, in, sizeof(in), flags);

	*is_there = n > 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		log_error("the signer has gone: full handshakes wait for a "
			  "new one");
		return false;
	}
	if (!take(c, (struct slice){ in, (size_t)n })) {
		log_error("the signer sent what it may not send: its channel "
			  "is closed");
		return false;
	}
	return true;
}

/* All answers that are there: who is nearly done comes before who begins. */
static bool
receive_some(struct signer_client *c)
{
	const struct channel *ch = c->channel;
	bool is_there = true;

	for (unsigned i = 0; i < ASK_AHEAD && is_there && c->channel == ch; i++)
		if (!receive_one(c, MSG_DONTWAIT, &is_there))
			return false;
	return true;
}

static void
on_channel_ready(struct watch *w, unsigned events)
{
	struct channel *ch = container_of(w, struct channel, watch);
	struct signer_client *c = ch->client;

	if (c == NULL)
		return;
	if ((events & WATCH_READ) != 0 && !receive_some(c)) {
		channel_down(c);
		tell_loss(c);
		return;
	}
	if (c->channel != ch) /* replaced meanwhile */
		return;
	send_unsent(c);
	match_interest(c);
}

static bool
channel_open(struct signer_client *c, int fd)
{
	struct channel *ch = mem_try(sizeof(*ch));

	if (ch == NULL ||
	    !watch_open(&ch->watch, c->loop, fd, on_channel_ready)) {
		close(fd);
		mem_free(ch);
		return false;
	}
	ch->client = c;
	c->channel = ch;
	send_unsent(c);
	match_interest(c);
	return true;
}

/* Blocking: the greeting of the first signer. */
static bool
read_greeting(struct signer_client *c, int fd, const char **error)
{
	char in[PROTOCOL_MAX_MESSAGE];

	for (unsigned i = 0; i < c->n_keys;) {
		ssize_t n = recv(fd, in, sizeof(in), 0);

		if (n < 0 && errno == EINTR)
			continue;
		*error = "the signer has gone";
		if (n <= 0)
			return false;
		*error = "the signer sent what it may not send";
		if (!take_key(c, (struct slice){ in, (size_t)n }))
			return false;
		i++;
	}
	*error = "the signer has other keys than the configuration";
	for (unsigned i = 0; i < c->n_keys; i++)
		if (c->key[i].spki == NULL)
			return false;
	return true;
}

struct signer_client *
signer_client_new(uv_loop_t *loop, int fd, unsigned n_keys, const char **error)
{
	struct signer_client *c = mem_need(sizeof(*c));

	c->loop = loop;
	c->n_keys = n_keys;
	c->key = mem_need(sizeof(*c->key) * (n_keys > 0 ? n_keys : 1));
	TAILQ_INIT(&c->unsent);
	TAILQ_INIT(&c->sent);
	if (!read_greeting(c, fd, error)) {
		close(fd);
		goto fail;
	}
	*error = "the signer's channel cannot be watched";
	if (!channel_open(c, fd))
		goto fail;
	return c;
fail:
	signer_client_free(c);
	return NULL;
}

void
signer_client_free(struct signer_client *c)
{
	if (c == NULL)
		return;
	CHECK(TAILQ_EMPTY(&c->sent) && TAILQ_EMPTY(&c->unsent));
	channel_close(c);
	for (unsigned i = 0; i < c->n_keys; i++)
		mem_free(c->key[i].spki);
	mem_free(c->key);
	mem_free(c);
}

struct slice
signer_client_key(const struct signer_client *c, unsigned key_no)
{
	CHECK(key_no < c->n_keys);
	return (struct slice){ c->key[key_no].spki, c->key[key_no].len_bytes };
}

void
signer_client_on_lost(
    struct signer_client *c, void (*on_lost)(void *ctx), void *ctx)
{
	c->on_lost = on_lost;
	c->ctx = ctx;
}

bool
signer_client_is_up(const struct signer_client *c)
{
	return c->channel != NULL;
}

void
signer_client_replace(struct signer_client *c, int fd)
{
	channel_down(c);
	if (channel_open(c, fd))
		return;
	log_error("the new signer's channel cannot be watched");
	tell_loss(c);
}

bool
signer_client_ask(struct signer_client *c, struct sign_op *op,
    enum sign_algorithm a, unsigned key_no, struct slice tbs)
{
	CHECK(op->place == SIGN_OP_IDLE);
	if (tbs.len > PROTOCOL_MAX_TBS)
		return false;
	if (++c->last_id == 0)
		++c->last_id;
	op->id = c->last_id;
	op->done = false;
	op->algorithm = a;
	op->key_no = (uint16_t)key_no;
	op->tbs = tbs;
	op->asked_us = clock_monotonic_us();
	op->place = SIGN_OP_UNSENT;
	TAILQ_INSERT_TAIL(&c->unsent, op, entry);
	if (c->channel != NULL) {
		send_unsent(c);
		match_interest(c);
	}
	return true;
}

void
signer_client_cancel(struct signer_client *c, struct sign_op *op)
{
	unqueue(c, op);
	mem_free(op->signature);
	op->signature = NULL;
	op->id = 0;
	op->done = false;
}
