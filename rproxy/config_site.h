/*
 * What rproxy makes of a site file beyond what stands in it: the values that
 * depend on the application server, on rproxy's listeners, and the compiled
 * expressions.  Runs at start-up.
 */
#ifndef RPROXY_CONFIG_SITE_H
#define RPROXY_CONFIG_SITE_H

#include "rproxy/config.h"

/* Completes every site of c; adds the faults of this. */
void config_site_complete(struct rproxy_config *c, struct conf_faults *f);
/* Frees what it has put in, before the sites are freed. */
void config_site_release(struct rproxy_config *c);

#endif
