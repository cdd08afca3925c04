/*
 * Shortages in the error log.  Runs in the worker.
 */
#include "rproxy/front/shortage.h"

#include "common/log.h"
#include "rproxy/metrics_table.h"

#define QUIET_MS 10000

bool
shortage_may_log(const struct front *f, uint64_t *last_ms)
{
	uint64_t now_ms = front_now_ms(f);

	if (*last_ms != 0 && now_ms - *last_ms < QUIET_MS)
		return false;
	*last_ms = now_ms;
	return true;
}

void
shortage_note_memory(struct front *f)
{
	metrics_add(f->metrics, M_REFUSED_MEMORY, 1);
	if (shortage_may_log(f, &f->short_logged_ms))
		log_error("memory is short, a client is closed");
}
