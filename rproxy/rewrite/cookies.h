/*
 * Set-Cookie: Domain and Path mapped back, Secure and what else the site asks
 * for added; everything else, unknown attributes and order included, stays.
 * Pure.  RFC 6265bis for __Host- and __Secure-.
 */
#ifndef RPROXY_REWRITE_COOKIES_H
#define RPROXY_REWRITE_COOKIES_H

#include "rproxy/rewrite/response_rules.h"

/* Whether cookies to such a client are Secure, by cookie_secure. */
bool cookies_are_secure(const struct http_conf *http, bool https);
/* "; SameSite=Lax" or nothing, for one that says nothing of it: by
 * cookie_samesite. */
struct slice cookies_same_site(const struct http_conf *http, bool secure);
/* One Set-Cookie value; value itself when nothing is to change. */
struct slice
cookies_rewrite(const struct mapping *m, struct slice value, struct arena *a);
/* All Set-Cookie fields.  False when memory is short. */
bool cookies_apply(struct fields *f, const struct mapping *m, struct arena *a);

#endif
