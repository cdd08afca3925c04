/*
 * Values that tlsd.ini and rproxy.ini have in common.  For tlsd/config.c and
 * rproxy/config.c.
 */
#ifndef COMMON_DAEMON_CONF_H
#define COMMON_DAEMON_CONF_H

#include "common/addr.h"
#include "common/schema.h"

/* take() of unsigned: "auto" (the CPUs we may run on) or a number. */
void daemon_conf_take_workers(const struct schema_value *v);
/* take() of char *: a user other than root who exists. */
void daemon_conf_take_user(const struct schema_value *v);
/* take() of char *: a path, or a loopback address and port. */
void daemon_conf_take_admin(const struct schema_value *v);
/* release() of char * */
void daemon_conf_release_text(void *field);

extern const char *const daemon_conf_log_words[];   /* for SCHEMA_PATH */
extern const char *const daemon_conf_level_words[]; /* enum log_level */

/*
 * "192.0.2.1:443", "[::]:443", or a path, made absolute.  False: a fault was
 * added.
 */
bool daemon_conf_address(const struct schema_value *v, struct addr *out);

/* The ini file's own path, absolute; the caller frees. */
char *daemon_conf_path(const char *path);

/* Each listen.address once, and not more than a child can inherit. */
void
daemon_conf_check_addresses(const struct conf_file *c, struct conf_faults *f);

/*
 * The folder that a file is to be made in must be there; only looked at in
 * the master.  path may be NULL or no path at all ("stderr").
 */
void daemon_conf_check_folder(const struct bundle *b, struct conf_place at,
    const char *key, const char *path, struct conf_faults *f);

#endif
