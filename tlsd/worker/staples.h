/*
 * The OCSP staples of one site: which response is served with which of its
 * certificates.  Runs in the worker.
 */
#ifndef TLSD_WORKER_STAPLES_H
#define TLSD_WORKER_STAPLES_H

#include <openssl/ssl.h>

#include "common/bundle.h"
#include "common/site_conf.h"

struct staples;

/*
 * ctx has its certificates; both ctx and site are borrowed and outlive us.
 * Connections of ctx get whatever has been loaded.
 */
struct staples *staples_new(SSL_CTX *ctx, const struct site_conf *site);
/* Before ctx goes; takes NULL. */
void staples_free(struct staples *s);
/*
 * Looks into the files of the site that are in b.  One that must not be
 * served is logged, and what was there before stays until it expires.
 * Returns how many were not taken.
 */
unsigned staples_load(struct staples *s, const struct bundle *b);

#endif
