/*
 * The operator's error pages.  Runs at start-up: in the master from disk into
 * the bundle, in each child out of it.
 */
#ifndef RPROXY_CONFIG_PAGES_H
#define RPROXY_CONFIG_PAGES_H

#include "rproxy/config.h"

#define CONFIG_PAGE_MAX (256u * 1024)

/* Fills in the contents of every error_page; they live as long as b. */
void config_pages_read(
    struct site_list *sites, struct bundle *b, struct conf_faults *f);

#endif
