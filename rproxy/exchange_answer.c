/*
 * Answers that no server gives: errors and redirects.  Runs in the worker.
 *
 * The connection ends with the answer where the end of the request is in
 * doubt, or where its body has not been read: it could only be taken for the
 * next request (RFC 9112 section 9.3).
 */
#include <string.h>

#include "common/clock.h"
#include "rproxy/error_page.h"
#include "rproxy/exchange_state.h"
#include "rproxy/http/h1_write.h"

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

static bool
send_page(struct exchange *x, unsigned status, const struct buf *page)
{
	struct stream *to = &x->client->stream;
	struct framing framing = { .kind = BODY_LENGTH,
		.length = buf_len(page) };

	x->response.status = status;
	x->response.reason = h1_phrase(status);
	x->response.minor = 1;
	if (!exchange_request_is_read(x))
		x->front.keep = false;
	x->status = status;
	if (!h1_front_head(
		&x->front, x->client, &x->response, &framing, exchange_date(x)))
		return false;
	if (!h1_front_may_have_body(&x->front, status))
		return true;
	x->own_bytes = buf_len(page);
	return buf_append(&to->out, page->data + page->head, buf_len(page),
	    buf_len(&to->out) + buf_len(page));
}

static bool
set_fields(struct exchange *x, struct slice location, enum reason why)
{
	struct fields *f = &x->response.fields;

	fields_reset(f);
	if (why == REASON_METHOD_REFUSED &&
	    !fields_add(f, SLICE("Allow"),
		SLICE("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH")))
		return false;
	if (location.len > 0 && !fields_add(f, SLICE("Location"), location))
		return false;
	return fields_add(f, SLICE("Content-Type"),
		   SLICE("text/html; charset=utf-8")) &&
	       fields_add(f, SLICE("Cache-Control"), SLICE("no-store"));
}

bool
exchange_answer_error(struct exchange *x, enum reason why)
{
	char id[EXCHANGE_ID_MAX];
	struct buf page = { 0 };
	unsigned status = reason_status(why);

	bool ok = set_fields(x, SLICE_NONE, why) &&
		  error_page_write(&page, status, h1_phrase(status),
		      reason_text(why), exchange_id(x, id)) &&
		  send_page(x, status, &page);
	buf_release(&page);
	return ok;
}

bool
exchange_answer_redirect(struct exchange *x)
{
	struct buf page = { 0 };
	unsigned status = x->plan.status;

	bool ok = set_fields(x, x->plan.location, REASON_OK) &&
		  error_page_write_redirect(
		      &page, status, h1_phrase(status), x->plan.location) &&
		  send_page(x, status, &page);
	buf_release(&page);
	return ok;
}
