/*
 * Many deadlines, one libuv timer: a wheel with a resolution of
 * DEADLINE_TICK_MS.  Setting a later time than before, the common case on
 * every read, touches no list.  A deadline never fires early, and at most two
 * ticks late.  Costs no system call and no clock call: time is uv_now().
 */
#ifndef COMMON_DEADLINE_H
#define COMMON_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#define DEADLINE_TICK_MS 64

struct deadlines; /* one per loop */

struct deadline {
	TAILQ_ENTRY(deadline) entry;
	struct deadlines *wheel; /* borrowed */
	void (*on_expire)(struct deadline *d);
	uint64_t due_ms; /* 0: not set */
	uint64_t tick;   /* when it is looked at; 0: not queued */
};

struct deadlines *deadlines_new(uv_loop_t *loop);
/* Nothing may be set any more.  The timer is closed; the loop must turn. */
void deadlines_free(struct deadlines *w);

void deadline_init(struct deadline *d, struct deadlines *w,
    void (*on_expire)(struct deadline *d));
/* From now; replaces what was set.  0 is the same as deadline_clear(). */
void deadline_set(struct deadline *d, uint64_t after_ms);
void deadline_clear(struct deadline *d);
/* Must be called before the memory goes away; takes it off the wheel. */
void deadline_fini(struct deadline *d);
bool deadline_is_set(const struct deadline *d);

#endif
