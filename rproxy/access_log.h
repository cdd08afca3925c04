/*
 * The access log files of one worker: lines are gathered and written in one
 * go, several workers append to the same file in whole lines.
 */
#ifndef RPROXY_ACCESS_LOG_H
#define RPROXY_ACCESS_LOG_H

#include "common/deadline.h"
#include "rproxy/access_line.h"

struct access_log;

/*
 * fd: the descriptors in the order of rproxy_config_access_log(), taken
 * over.  At start.
 */
struct access_log *access_log_new(const struct rproxy_config *config,
    const int *fd, unsigned n_fd, struct deadlines *deadlines);
/* The file for a site (NULL: a request that belongs to none); -1: none. */
int access_log_for(const struct access_log *l, const struct site_conf *site);
void
access_log_add(struct access_log *l, int file, const struct access_entry *e);
/* The descriptor of a file is replaced, the old one closed. */
void access_log_replace(struct access_log *l, unsigned file, int fd);
/* Writes what has been gathered. */
void access_log_flush(struct access_log *l);
/* The same before the process leaves: what is lost is lost now, and told. */
void access_log_end(struct access_log *l);

#endif
