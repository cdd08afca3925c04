/*
 * Which of two media types a client would rather have.  Pure.  RFC 9110
 * section 12.5.1.
 */
#ifndef RPROXY_HTTP_ACCEPT_H
#define RPROXY_HTTP_ACCEPT_H

#include "rproxy/http/fields.h"

/*
 * Whether an error should be told in JSON: the client names a JSON type, and
 * HTML has no higher quality.  Somebody who takes anything gets HTML.
 */
bool accept_prefers_json(const struct fields *f);

#endif
