/*
 * How the values of [http] that have a form of their own get from a line of a
 * site file into struct http_conf.  For the tables of common/site_schema.c.
 */
#ifndef COMMON_SITE_TAKE_H
#define COMMON_SITE_TAKE_H

#include "common/schema.h"

void site_take_hsts(const struct schema_value *v); /* unsigned, seconds */

void site_take_trust_from(const struct schema_value *v);
void site_release_trust_from(void *field); /* struct cidr_list */

void site_take_header_pattern(const struct schema_value *v);
void site_take_path(const struct schema_value *v); /* deny, allow */
void site_release_strings(void *field);            /* struct string_list */

void site_take_cookie_domain(const struct schema_value *v);
void site_release_cookie_domains(void *field);

void site_take_redirect(const struct schema_value *v);
void site_take_rewrite(const struct schema_value *v);
void site_release_rules(void *field); /* struct rule_list */

void site_take_require_tls(const struct schema_value *v);
void site_take_cookie_name(const struct schema_value *v);
void site_take_tls_name(const struct schema_value *v); /* one host name */
void site_take_health(const struct schema_value *v);   /* a path, or "app" */
void site_release_text(void *field);                   /* char * */

extern const char *const site_cookie_secure_words[];
extern const char *const site_cookie_samesite_words[];
extern const char *const site_sticky_words[];

#endif
