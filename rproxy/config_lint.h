/*
 * What is allowed in a site file and most likely not meant: warnings.
 */
#ifndef RPROXY_CONFIG_LINT_H
#define RPROXY_CONFIG_LINT_H

#include "rproxy/config.h"

/* After config_site_complete(); adds warnings alone. */
void config_lint(const struct rproxy_config *c, struct conf_faults *f);

#endif
