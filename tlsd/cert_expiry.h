/*
 * When what a site shows or believes expires.  Needs OpenSSL; runs in the
 * checker (tlsd/master/check.c).
 */
#ifndef TLSD_CERT_EXPIRY_H
#define TLSD_CERT_EXPIRY_H

#include "tlsd/cert_pool.h"
#include "tlsd/config.h"

/*
 * The end of the first certificate to expire, of all pairs and their chains,
 * those of its pools included, in seconds since 1970.  False: none can be read.
 */
bool cert_expiry_of(const struct tlsd_config *c, struct cert_pool *pool,
    const struct site_conf *site, int64_t *at_s);
/* The same of its lists of revoked certificates. */
bool cert_expiry_of_crls(const struct tlsd_config *c, struct cert_pool *pool,
    const struct site_conf *site, int64_t *at_s);

#endif
