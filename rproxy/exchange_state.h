/*
 * The exchange's insides, shared by the exchange_*.c files alone.
 *
 *	exchange.c           life, states, deadlines, what happens next
 *	exchange_request.c   head and body to the server
 *	exchange_response.c  head and body to the client
 *	exchange_answer.c    answers of our own
 *	exchange_wait.c      whom it waits for, and how long
 *	exchange_log.c       access log, error log, identifier
 *
 * The steps return a reason: REASON_OK goes on, anything else ends the
 * exchange.  Only exchange.c ends one.
 */
#ifndef RPROXY_EXCHANGE_STATE_H
#define RPROXY_EXCHANGE_STATE_H

#include "rproxy/body_relay.h"
#include "rproxy/exchange.h"
#include "rproxy/front/h1_front.h"
#include "rproxy/request_rules.h"
#include "rproxy/tunnel.h"

/*
 * Ceilings that only a fault of ours would reach: the limits on what comes in
 * are in the configuration, and what we add is a few times a certificate
 * chain.  No field of ours counts against a limit.
 */
#define EXCHANGE_ARENA_MAX (4096u * 1024)
#define EXCHANGE_HEAD_MAX (20u * 1024 * 1024)
#define EXCHANGE_ID_MAX 192

enum exchange_state {
	EXCHANGE_CONNECT, /* no server connection stands yet */
	EXCHANGE_RELAY,   /* request out, response in, maybe both at once */
	EXCHANGE_TUNNEL,  /* another protocol, both ways */
	EXCHANGE_FLUSH,   /* what is left is in the client's buffer */
};

/* Whom we wait for, and since how many bytes of it. */
enum exchange_wait {
	WAIT_NONE,
	WAIT_CLIENT_CONTINUE, /* it may itself be waiting for a 100 */
	WAIT_CLIENT_BODY,     /* its next bytes */
	WAIT_CLIENT_SEND,     /* that it takes ours */
	WAIT_SERVER_SEND,
	WAIT_SERVER_HEAD,
	WAIT_SERVER_BODY,
	WAIT_TUNNEL,
};

struct waiting {
	enum exchange_wait what;
	uint64_t progress; /* what had come when the deadline was set */
};

/* How much longer a slow body is waited for: exchange_wait.c. */
struct body_credit {
	uint64_t left_ms;
	uint64_t since_ms; /* uv_now() when it was settled; 0: never */
	uint64_t bytes_in; /* of the client's stream, then */
};

struct exchange {
	struct exchanges *home;      /* borrowed, outlives us */
	TAILQ_ENTRY(exchange) entry; /* spare */
	struct client_conn *client;  /* borrowed; it outlives the exchange */
	struct server_conn *server;  /* owned while set */
	enum exchange_state state;
	bool client_ready; /* readable, noted by the callback */
	bool server_ready;

	/* the request */
	struct request request; /* owned */
	struct client_facts who;
	struct proxy_v2 tls; /* of who */
	struct arena arena;
	struct request_plan plan;
	struct body_relay up;
	struct body_credit credit;
	bool up_stopped;       /* the server takes no more of it */
	bool expects_continue; /* and nobody has said 100 yet */
	bool has_continued;    /* we have said it ourselves */
	enum reuse_need need;
	struct pool_tries tries;
	unsigned n_retries;

	/* the response */
	struct response_head response; /* valid within one step */
	struct h1_scan scan;
	struct h1_front front;
	struct body_relay down;
	struct tunnel tunnel;
	unsigned status; /* sent; 0: none yet */
	unsigned n_interim;
	bool has_begun;     /* a byte of the response has come */
	bool may_park;      /* the server connection may serve another one */
	uint64_t own_bytes; /* of an answer of our own */

	struct waiting client_wait;
	struct waiting server_wait;

	/* for the logs */
	enum reason why;
	char *server_label; /* borrowed from the server */
	bool is_reused;
	uint64_t begun_ms; /* uv_now() */
	int64_t connect_ms;
	int64_t head_ms;
};

static inline uint64_t
exchange_now_ms(const struct exchange *x)
{
	return front_now_ms(x->home->front);
}

static inline bool
exchange_request_is_read(const struct exchange *x)
{
	return x->up.done;
}

/* exchange_request.c */

/* Everything that the server is told, as fields; once per exchange. */
enum reason exchange_request_rewrite(struct exchange *x);
/* On a connection that stands: the head and what has come of the body. */
enum reason exchange_request_begin(struct exchange *x);
/* Some more of the body, as far as both sides are ready. */
enum reason exchange_request_step(struct exchange *x);

/* exchange_response.c */

/* What the server has sent, as far as the client takes it. */
enum reason exchange_response_step(struct exchange *x);
bool exchange_response_is_done(const struct exchange *x);

/* exchange_answer.c: into the client's buffer; nothing is sent yet.  False:
 * memory is short. */
bool exchange_answer_error(struct exchange *x, enum reason why);
/* Of a plan that is not to forward: a redirect, or OPTIONS. */
bool exchange_answer_plan(struct exchange *x);
/* The time of day, and as a Date field. */
uint64_t exchange_wall_ms(struct exchange *x);
struct slice exchange_date(struct exchange *x);

/* exchange_wait.c: deadlines and interest, as things stand */
void exchange_wait(struct exchange *x);
/* What it means that the deadline of this has passed. */
enum reason
exchange_wait_reason(enum exchange_wait what, const struct exchange *x);

/* exchange_log.c */
void exchange_log(struct exchange *x);
struct slice exchange_id(const struct exchange *x, char id[EXCHANGE_ID_MAX]);

#endif
