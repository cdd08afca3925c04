/*
 * Answers that no server gives: errors, redirects, OPTIONS that are for us.
 * Runs in the worker.
 *
 * The connection ends with the answer where the end of the request is in
 * doubt, or where its body has not been read: it could only be taken for the
 * next request (RFC 9112 section 9.3).
 */
#include <string.h>

#include "common/clock.h"
#include "rproxy/error_page.h"
#include "rproxy/exchange_state.h"
#include "rproxy/http/accept.h"
#include "rproxy/http/h1_write.h"
#include "rproxy/proxy_status.h"
#include "rproxy/response_fields.h"

#define ALLOWED_METHODS "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"

uint64_t
exchange_wall_ms(struct exchange *x)
{
	struct exchanges *e = x->home;
	uint64_t now = exchange_now_ms(x);

	if (e->wall_set_ms == 0 || now - e->wall_set_ms >= 1000) {
		e->wall_set_ms = now;
		e->wall_base_ms = clock_now_ms();
	}
	return e->wall_base_ms + (now - e->wall_set_ms);
}

struct slice
exchange_date(struct exchange *x)
{
	return clock_http_date(exchange_wall_ms(x));
}

/* What is sent: one of our pages, or one of the operator's. */
struct page {
	struct buf own; /* owned */
	struct slice type;
	struct slice bytes;
};

/* To HEAD: what there would be. */
static bool
add_length(struct exchange *x, size_t len)
{
	struct slice value = arena_printf(&x->arena, "%zu", len);

	return value.p != NULL &&
	       fields_add(&x->response.fields, SLICE("Content-Length"), value);
}

static bool
send_page(struct exchange *x, unsigned status, const struct page *page)
{
	struct stream *to = &x->client->stream;
	struct framing framing = { .kind = BODY_LENGTH,
		.length = page->bytes.len };

	x->response.status = status;
	x->response.reason = h1_phrase(status);
	x->response.minor = 1;
	if (!exchange_request_is_read(x))
		x->front.keep = false;
	if (x->front.has_no_body && !add_length(x, page->bytes.len))
		return false;
	x->status = status;
	if (!h1_front_head(
		&x->front, x->client, &x->response, &framing, exchange_date(x)))
		return false;
	if (!h1_front_may_have_body(&x->front, status))
		return true;
	x->own_bytes = page->bytes.len;
	return buf_append(&to->out, page->bytes.p, page->bytes.len,
	    buf_len(&to->out) + page->bytes.len);
}

/* Of any answer of ours; the list is empty before. */
static bool
set_common_fields(struct exchange *x, struct slice type)
{
	struct fields *f = &x->response.fields;

	if (!response_fields_add_hsts(f, x->plan.site, &x->who, &x->arena))
		return false;
	if (type.len > 0 && !fields_add(f, SLICE("Content-Type"), type))
		return false;
	return fields_add(f, SLICE("Cache-Control"), SLICE("no-store"));
}

static bool
set_error_fields(struct exchange *x, enum reason why, struct slice type)
{
	struct fields *f = &x->response.fields;

	fields_reset(f);
	if (why == REASON_METHOD_REFUSED &&
	    !fields_add(f, SLICE("Allow"), SLICE(ALLOWED_METHODS)))
		return false;
	if (x->plan.site != NULL && !proxy_status_add(f, &x->plan.site->http,
					why, x->server_label, &x->arena))
		return false;
	return set_common_fields(x, type);
}

/* NULL: the site has none for this status. */
static const struct error_page_conf *
configured_page(const struct exchange *x, unsigned status)
{
	const struct error_page_list *l;

	if (x->plan.site == NULL)
		return NULL;
	l = &x->plan.site->http.error_page;
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].status == status)
			return &l->v[i];
	return NULL;
}

/* A program gets JSON, whatever page there is for people. */
static bool
make_error_page(struct exchange *x, enum reason why, struct page *page)
{
	unsigned status = reason_status(why);
	const struct error_page_conf *own = configured_page(x, status);
	struct slice phrase = h1_phrase(status);
	char id[EXCHANGE_ID_MAX];
	bool ok;

	if (accept_prefers_json(&x->request.head.fields)) {
		ok = error_page_write_json(&page->own, status, phrase,
		    reason_text(why), exchange_id(x, id));
		page->type = SLICE("application/problem+json");
	} else if (own != NULL) {
		page->type = SLICE("text/html; charset=utf-8");
		page->bytes = own->contents;
		return true;
	} else {
		ok = error_page_write(&page->own, status, phrase,
		    reason_text(why), exchange_id(x, id));
		page->type = SLICE("text/html; charset=utf-8");
	}
	page->bytes = buf_slice(&page->own);
	return ok;
}

bool
exchange_answer_error(struct exchange *x, enum reason why)
{
	struct page page = { 0 };

	if (reason_ends_connection(why))
		x->front.keep = false;
	bool ok = make_error_page(x, why, &page) &&
		  set_error_fields(x, why, page.type) &&
		  send_page(x, reason_status(why), &page);
	buf_release(&page.own);
	return ok;
}

static bool
answer_redirect(struct exchange *x)
{
	struct fields *f = &x->response.fields;
	struct page page = { .type = SLICE("text/html; charset=utf-8") };
	unsigned status = x->plan.status;

	fields_reset(f);
	bool ok = error_page_write_redirect(
		      &page.own, status, h1_phrase(status), x->plan.location) &&
		  fields_add(f, SLICE("Location"), x->plan.location) &&
		  set_common_fields(x, page.type);
	page.bytes = buf_slice(&page.own);
	ok = ok && send_page(x, status, &page);
	buf_release(&page.own);
	return ok;
}

/* RFC 9110 section 9.3.7 */
static bool
answer_options(struct exchange *x)
{
	const struct page nothing = { 0 };
	struct fields *f = &x->response.fields;

	fields_reset(f);
	return fields_add(f, SLICE("Allow"), SLICE(ALLOWED_METHODS)) &&
	       set_common_fields(x, SLICE_NONE) && send_page(x, 200, &nothing);
}

bool
exchange_answer_plan(struct exchange *x)
{
	return x->plan.action == REQUEST_OPTIONS ? answer_options(x)
						 : answer_redirect(x);
}
