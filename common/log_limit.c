/*
 * A ceiling on one kind of line in the log.  Runs on the loop of its owner.
 *
 * A second begins with its first line and ends with a summary, if anything
 * was left out; so a flood costs at_most + 1 lines each second.
 */
#include <stddef.h>

#include "common/check.h"
#include "common/log.h"
#include "common/log_limit.h"

#define SECOND_MS 1000

static void
end_second(struct log_limit *l)
{
	if (l->n_suppressed > 0)
		log_info("%u more %s are not shown", l->n_suppressed, l->what);
	l->n_logged = 0;
	l->n_suppressed = 0;
}

static void
on_second(struct deadline *d)
{
	end_second(container_of(d, struct log_limit, second));
}

void
log_limit_init(struct log_limit *l, struct deadlines *wheel, const char *what,
    unsigned at_most)
{
	*l = (struct log_limit){ .what = what, .at_most = at_most };
	deadline_init(&l->second, wheel, on_second);
}

void
log_limit_fini(struct log_limit *l)
{
	end_second(l);
	deadline_fini(&l->second);
}

bool
log_limit_allows(struct log_limit *l)
{
	if (!deadline_is_set(&l->second))
		deadline_set(&l->second, SECOND_MS);
	if (l->n_logged >= l->at_most) {
		l->n_suppressed++;
		return false;
	}
	l->n_logged++;
	return true;
}
