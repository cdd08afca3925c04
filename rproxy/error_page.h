/*
 * The pages that we write ourselves: errors and redirects.  Pure.  A person
 * can read them; they name the request, never anything inside.
 */
#ifndef RPROXY_ERROR_PAGE_H
#define RPROXY_ERROR_PAGE_H

#include "common/buf.h"
#include "common/slice.h"

#define ERROR_PAGE_MAX (16u * 1024) /* bytes, the longest Location included */

/*
 * HTML into out: status and phrase as heading, text as the sentence below,
 * id to be told to the operator.  False: memory is short.
 */
bool error_page_write(struct buf *out, unsigned status, struct slice phrase,
    const char *text, struct slice id);
/* The same for a program: RFC 9457, application/problem+json. */
bool error_page_write_json(struct buf *out, unsigned status,
    struct slice phrase, const char *text, struct slice id);
/* A page with a link, for a redirect.  A location too long for the page is
 * left out. */
bool error_page_write_redirect(struct buf *out, unsigned status,
    struct slice phrase, struct slice location);

#endif
