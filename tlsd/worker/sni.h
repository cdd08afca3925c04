/*
 * Which site a client means: the choice by server name, made in the
 * ClientHello callback so that the site's versions, certificates and demands
 * on the client all count.  Runs in the worker.
 */
#ifndef TLSD_WORKER_SNI_H
#define TLSD_WORKER_SNI_H

#include <openssl/ssl.h>

#include "common/site_conf.h"

struct sni;

/* sites is borrowed and outlives us. */
struct sni *sni_new(const struct site_list *sites);
void sni_free(struct sni *s);
/* ctx (borrowed) serves the site; a site without one is refused. */
void sni_set(struct sni *s, const struct site_conf *site, SSL_CTX *ctx);
/* Connections that begin with ctx are moved to the context they ask for. */
void sni_attach(struct sni *s, SSL_CTX *ctx);
/*
 * The name for which none was chosen, empty when the client sent none; as it
 * came, and as long as ssl.  NULL: one was chosen.
 */
const char *sni_refused_name(const SSL *ssl);

/*
 * The host name in the body of a server_name extension (RFC 6066 section 3),
 * pointing into it.  False: malformed.
 */
bool sni_parse(struct slice extension, struct slice *name);

#endif
