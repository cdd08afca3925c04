/*
 * OPTIONS and Max-Forwards.  Pure; runs in the worker.
 *
 * "OPTIONS *" asks for what the server as a whole can do.  There is no route
 * for it and there are many servers: the gateway answers.
 */
#include "rproxy/request_options.h"

#include "common/number.h"

/* A field that says nothing clear would go round for ever. */
static enum reason
count_down(struct request_head *r, struct request_plan *p, struct arena *a)
{
	struct field *f = fields_first(&r->fields, FIELD_MAX_FORWARDS);
	uint64_t n;

	if (f == NULL)
		return REASON_OK;
	if (fields_next(&r->fields, f) != NULL || !number_parse(f->value, &n))
		return REASON_BAD_MAX_FORWARDS;
	if (n == 0) {
		p->action = REQUEST_OPTIONS;
		return REASON_OK;
	}
	f->value = arena_printf(a, "%llu", (unsigned long long)(n - 1));
	return f->value.p != NULL ? REASON_OK : REASON_NO_MEMORY;
}

enum reason
request_options_plan(
    struct request_head *r, struct request_plan *p, struct arena *a)
{
	if (r->method_id != METHOD_OPTIONS)
		return REASON_OK;
	if (p->target.form == TARGET_ASTERISK)
		p->action = REQUEST_OPTIONS;
	return count_down(r, p, a);
}
