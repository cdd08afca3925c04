/*
 * Values of a site file with an arrow in them, and names with a star.  Pure:
 * text in, struct or verdict out.  *error is a constant text that says what
 * is allowed.
 */
#ifndef COMMON_SITE_RULE_VALUE_H
#define COMMON_SITE_RULE_VALUE_H

#include <stdbool.h>

#include "common/site_conf.h"
#include "common/slice.h"

/*
 * "[301|302|303|307|308] FROM -> TO": FROM is a path, or '~' and an
 * expression; TO is a path, or a URL whose host is plain text.  '$' in TO
 * stands before a digit 0 to 9, or is doubled.  A number in front only where
 * may_redirect is true, as is a URL.  out's texts are owned by the caller;
 * the expression itself is not looked at.
 */
bool site_rule_value(struct slice text, bool may_redirect,
    struct rule_conf *out, const char **error);

/* ".intra.example.com -> .example.com", dots in front as they are wanted. */
bool site_rule_cookie_domain(
    struct slice text, struct cookie_domain_conf *out, const char **error);

/* A header name, or the beginning of one and '*'. */
bool site_rule_header_pattern(struct slice text, const char **error);

#endif
