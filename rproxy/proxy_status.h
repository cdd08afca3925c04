/*
 * Proxy-Status: what went wrong, for programs.  Pure.  RFC 9209.
 */
#ifndef RPROXY_PROXY_STATUS_H
#define RPROXY_PROXY_STATUS_H

#include "common/arena.h"
#include "common/site_conf.h"
#include "rproxy/http/fields.h"
#include "rproxy/http/reason.h"

/*
 * Adds the field as the site's proxy_status says, behind those that are there.
 * server: its label, NULL where none was asked.  False: memory is short.
 */
bool proxy_status_add(struct fields *f, const struct http_conf *http,
    enum reason why, const char *server, struct arena *a);

#endif
