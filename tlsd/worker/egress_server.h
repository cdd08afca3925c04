/*
 * The https servers of the configuration: all that a worker may connect to.
 * Each pool has a context (certificate towards the servers, CAs), each server
 * its addresses and the newest session.  Runs in the worker.
 */
#ifndef TLSD_WORKER_EGRESS_SERVER_H
#define TLSD_WORKER_EGRESS_SERVER_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "common/egress_wire.h"
#include "common/resolve.h"
#include "tlsd/config.h"
#include "tlsd/worker/lock_up.h"
#include "tlsd/worker/signer_client.h"

struct egress_server {
	/* borrowed from the configuration */
	const struct site_conf *site;
	const struct pool_conf *pool;
	const struct server_conf *conf;
	const char *host;             /* that its certificate must be for */
	char name[EGRESS_SERVER_MAX]; /* egress_wire_server() */
	SSL_CTX *ctx;                 /* owned, shared within the pool */
	SSL_SESSION *session;         /* owned; NULL: none to resume */
	uint64_t verified_ms; /* when its certificate was; clock_now_ms() */
	struct resolve resolve;
	unsigned next_addr; /* of its addresses, in turn */
};

struct egress_servers;

/*
 * Everything comes from the configuration and its bundle; names are looked up,
 * which may wait for a name server.  signer_provider_init() comes first.  NULL:
 * *error is a text (file and what is wrong), valid until the next call.
 */
struct egress_servers *egress_servers_new(const struct tlsd_config *config,
    struct signer_client *signer, const char **error);
/* Takes NULL.  At the end of the process: what is being looked up then stays.
 */
void egress_servers_free(struct egress_servers *s);

/* NULL: there is no such server. */
struct egress_server *
egress_servers_find(struct egress_servers *s, const struct egress_target *t);
/* What the sandbox must leave open; ports stay the servers'. */
struct lock_up_egress egress_servers_needs(const struct egress_servers *s);
/* Looks all names up again, on the loop. */
void egress_servers_resolve(struct egress_servers *s, uv_loop_t *loop);

#endif
