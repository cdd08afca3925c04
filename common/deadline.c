/*
 * Deadlines on a wheel.  Runs in every process with a loop; one wheel each.
 *
 *	time  ---64ms---|---64ms---|---64ms---|---
 *	tick  n         n+1        n+2
 *	slot  n % 512: a list, in the order of ticks
 *
 * A deadline waits in the slot of the first tick at which it is due, or in
 * the last slot of this turn of the wheel if that is further away.  Moved to
 * a later time it stays where it is: when its tick comes it is found not to
 * be due and queued again.  So is one that was cleared, and dropped.
 *
 * The timer runs for the next slot that holds something, not for each tick:
 * an idle process sleeps.
 */
#include "common/check.h"
#include "common/deadline.h"
#include "common/mem.h"

#define SLOTS 512

TAILQ_HEAD(slot, deadline);

struct deadlines {
	uv_timer_t timer;
	uint64_t done_tick; /* all up to this one were looked at */
	uint64_t wake_tick; /* the timer's; 0 while it is stopped */
	bool is_turning;
	struct slot slots[SLOTS];
};

static uint64_t
now_tick(const struct deadlines *w)
{
	return uv_now(w->timer.loop) / DEADLINE_TICK_MS;
}

/* Rounded up: never early. */
static uint64_t
tick_of(uint64_t due_ms)
{
	return due_ms / DEADLINE_TICK_MS + (due_ms % DEADLINE_TICK_MS != 0);
}

static struct slot *
slot_at(struct deadlines *w, uint64_t tick)
{
	return &w->slots[tick % SLOTS];
}

static void on_tick(uv_timer_t *timer);

static void
wake_at(struct deadlines *w, uint64_t tick)
{
	uint64_t at_ms = tick * DEADLINE_TICK_MS;
	uint64_t now_ms = uv_now(w->timer.loop);

	w->wake_tick = tick;
	uv_timer_start(
	    &w->timer, on_tick, at_ms > now_ms ? at_ms - now_ms : 0, 0);
}

/* A tick after now, since due is. */
static void
enqueue(struct deadline *d)
{
	struct deadlines *w = d->wheel;
	uint64_t last = now_tick(w) + SLOTS - 1;

	d->tick = tick_of(d->due_ms);
	if (d->tick > last)
		d->tick = last;
	TAILQ_INSERT_TAIL(slot_at(w, d->tick), d, entry);
	if (w->is_turning)
		return;
	if (w->wake_tick == 0 || d->tick < w->wake_tick)
		wake_at(w, d->tick);
}

static void
dequeue(struct deadline *d)
{
	TAILQ_REMOVE(slot_at(d->wheel, d->tick), d, entry);
	d->tick = 0;
}

static void
look_at(struct deadline *d)
{
	dequeue(d);
	if (d->due_ms == 0)
		return;
	if (d->due_ms > uv_now(d->wheel->timer.loop)) {
		enqueue(d);
		return;
	}
	d->due_ms = 0;
	d->on_expire(d);
}

/*
 * The head is fetched anew each time: on_expire() may set, clear and take
 * away any deadline.  What it sets has a tick after now, so this ends.
 */
static void
look_at_slot(struct deadlines *w, uint64_t tick, uint64_t now)
{
	struct deadline *d;

	while ((d = TAILQ_FIRST(slot_at(w, tick))) != NULL && d->tick <= now)
		look_at(d);
}

static void
sleep_until_next(struct deadlines *w)
{
	for (uint64_t t = w->done_tick + 1; t <= w->done_tick + SLOTS; t++)
		if (!TAILQ_EMPTY(slot_at(w, t))) {
			wake_at(w, t);
			return;
		}
	w->wake_tick = 0;
}

static void
on_tick(uv_timer_t *timer)
{
	struct deadlines *w = container_of(timer, struct deadlines, timer);
	uint64_t now = now_tick(w);
	uint64_t t = w->done_tick + 1;

	if (now >= SLOTS && t <= now - SLOTS)
		t = now - SLOTS + 1;
	w->is_turning = true;
	for (; t <= now; t++)
		look_at_slot(w, t, now);
	w->is_turning = false;
	w->done_tick = now;
	sleep_until_next(w);
}

struct deadlines *
deadlines_new(uv_loop_t *loop)
{
	struct deadlines *w = mem_need(sizeof(*w));

	CHECK(uv_timer_init(loop, &w->timer) == 0);
	for (size_t i = 0; i < SLOTS; i++)
		TAILQ_INIT(&w->slots[i]);
	w->done_tick = now_tick(w);
	return w;
}

static void
on_timer_closed(uv_handle_t *handle)
{
	mem_free(container_of((uv_timer_t *)handle, struct deadlines, timer));
}

void
deadlines_free(struct deadlines *w)
{
	struct deadline *d;

	if (w == NULL)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		while ((d = TAILQ_FIRST(&w->slots[i])) != NULL) {
			CHECK(!deadline_is_set(d));
			dequeue(d);
		}
	uv_close((uv_handle_t *)&w->timer, on_timer_closed);
}

void
deadline_init(struct deadline *d, struct deadlines *w,
    void (*on_expire)(struct deadline *d))
{
	*d = (struct deadline){ .wheel = w, .on_expire = on_expire };
}

void
deadline_set(struct deadline *d, uint64_t after_ms)
{
	if (after_ms == 0) {
		deadline_clear(d);
		return;
	}
	d->due_ms = uv_now(d->wheel->timer.loop) + after_ms;
	if (d->tick != 0 && d->tick <= tick_of(d->due_ms))
		return;
	if (d->tick != 0)
		dequeue(d);
	enqueue(d);
}

void
deadline_clear(struct deadline *d)
{
	d->due_ms = 0;
}

void
deadline_fini(struct deadline *d)
{
	if (d->tick != 0)
		dequeue(d);
	d->due_ms = 0;
}

bool
deadline_is_set(const struct deadline *d)
{
	return d->due_ms != 0;
}
