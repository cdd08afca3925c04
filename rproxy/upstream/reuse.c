/*
 * Rules of reuse.  Runs in the worker, for pool and exchange.
 */
#include "common/number.h"
#include "rproxy/http/field_values.h"
#include "rproxy/upstream/reuse.h"

static void
narrow_idle(struct reuse_limits *l, uint64_t seconds)
{
	uint64_t ms = seconds > UINT32_MAX ? UINT32_MAX : seconds * 1000;

	ms = ms > REUSE_SAFETY_MS ? ms - REUSE_SAFETY_MS : 0;
	if (ms == 0)
		l->n_requests = 0;
	if (ms < l->idle_ms)
		l->idle_ms = ms;
}

void
reuse_narrow(struct reuse_limits *l, struct slice keep_alive)
{
	struct slice rest = keep_alive, e;
	uint64_t n;

	while (list_next(&rest, &e)) {
		size_t eq = slice_find(e, '=');
		struct slice name = slice_trim(slice_first(e, eq));
		struct slice value = slice_trim(slice_from(e, eq + 1));
		if (eq == e.len || !number_parse(value, &n))
			continue;
		if (slice_eq_nocase(name, SLICE("timeout")))
			narrow_idle(l, n);
		else if (slice_eq_nocase(name, SLICE("max")) &&
			 n < l->n_requests)
			l->n_requests = (unsigned)n;
	}
}

enum reuse_need
reuse_need_of(enum method m, bool has_body)
{
	if (method_is_idempotent(m) && !has_body)
		return REUSE_ANY;
	return REUSE_YOUNG;
}
